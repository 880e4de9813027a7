package usernetes

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
	"github.com/alt-cloud/podsec-k8s/usernetes/ports"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// RunUnit is what the user unit u7s-NAME.service runs. Most programs replace
// this process. about is what a few names have beside them: of log and component
// a part of the control plane, of stop how many seconds to wait.
func RunUnit(ctx context.Context, name, about string) error {
	switch name {
	case "namespace":
		return namespace.RunNamespace(ctx)
	case "manifests":
		return staticpod.FollowManifests(ctx)
	case "cni":
		return enterSelf(ctx, "cni-file")
	case "await-api":
		return enterSelf(ctx, "api-ready")
	case "flanneld":
		return enterSelf(ctx, "flanneld-inside")
	case "cni-file":
		return writeCNI()
	case "stop":
		return namespace.StopProgram(ctx, about)
	case "stop-rest":
		return namespace.StopRest(ctx, about)
	case "wipe":
		return wipe()
	case "log":
		return staticpod.LogComponent(about)
	}
	n, err := node.LoadNode()
	if err != nil {
		return err
	}
	return runUnit(ctx, n, name, about)
}

// runUnit is RunUnit for what has to know the node.
func runUnit(ctx context.Context, n node.Node, name, about string) error {
	switch name {
	case "rootlesskit":
		return runRootlessKit(ctx, n)
	case "ports":
		return ports.Publish(ctx, n)
	case "answers":
		return status.PrintAnswers(ctx, n)
	case "api-ready":
		return awaitAPI(ctx, n)
	case "flanneld-inside":
		return runFlanneld(ctx, n)
	case "kubelet":
		return runKubelet(ctx, n)
	case "component":
		return staticpod.BecomeComponent(about, n)
	}
	if staticpod.IsComponent(name) {
		return staticpod.RunComponent(ctx, name, n)
	}
	return runInNode(ctx, name, n)
}

// runRootlessKit waits a while for the machine to have the node's address,
// then becomes RootlessKit, or runs it.
func runRootlessKit(ctx context.Context, n node.Node) error {
	if err := awaitAddress(ctx, n); err != nil {
		return err
	}
	if err := host.MkdirAll(node.RootlessKitDir(), 0o700); err != nil {
		return message.Errorf("making RootlessKit's state folder: %w", err)
	}
	if err := host.Remove(namespace.ChildPIDFile()); err != nil { // of a run that was killed
		return message.Errorf("making RootlessKit's state folder: %w", err)
	}
	if portdriver.OwnPortDriver(n) {
		return namespace.RunWithPortDriver(ctx, n)
	}
	p := namespace.RootlessKit(n)
	return host.Command{Name: p.Title(), Path: p.Name, Args: p.Args, Env: namespace.Environment()}.Exec()
}

// runKubelet makes the folder of stand-ins, of which a worker has none: without
// the folder the kubelet complains every second. kubeadm reset takes it away.
func runKubelet(ctx context.Context, n node.Node) error {
	if err := host.MkdirAll(node.StatePath(node.StandInsDir), 0o700); err != nil {
		return message.Errorf("making the folder of stand-ins: %w", err)
	}
	return runInNode(ctx, "kubelet", n)
}

func runInNode(ctx context.Context, name string, n node.Node) error {
	p, err := program(name, n)
	if err != nil {
		return err
	}
	return p.ExecUnit(ctx)
}

// enterSelf runs one of our own units' programs in the node.
func enterSelf(ctx context.Context, name string) error {
	return namespace.Program{Name: node.Self, Args: []string{"unit", name}}.ExecUnit(ctx)
}

// program returns the command line of a service in the node.
func program(name string, n node.Node) (namespace.Program, error) {
	switch name {
	case "crio":
		return crio(n)
	case "kubelet":
		return kubelet()
	case "kube-proxy":
		return namespace.Program{Name: name, Args: []string{"--config=" + node.ProxyFile, "--hostname-override=" + n.Name}}, nil
	}
	return namespace.Program{}, message.Errorf("there is no service %q in a node", name)
}

// crio gives CRI-O the site's logins by the name of their file, for the pause
// image as for all others. Source: crio(8).
func crio(n node.Node) (namespace.Program, error) {
	pause, err := n.PauseImage()
	args := []string{
		"--config=" + node.ShareDir + "/crio.conf", "--config-dir=" + node.SiteDir + "/crio.conf.d",
		"--pause-image=" + pause,
	}
	if n.ImageAuthFile != "" {
		args = append(args, "--global-auth-file="+n.ImageAuthFile, "--pause-image-auth-file="+n.ImageAuthFile)
	}
	return namespace.Program{Name: "crio", Args: args}, err
}

// kubelet adds to kubeadm's own flags what its systemd drop-in would, and the
// seccomp profile RuntimeDefault for containers that ask for none. Who says
// otherwise, in the cluster's configuration or by a flag, is heard.
// Source: kubeadm's 10-kubeadm.conf; the Kubernetes documentation, "Restrict a
// Container's Syscalls with seccomp".
func kubelet() (namespace.Program, error) {
	args := []string{
		"--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
		"--kubeconfig=" + node.KubeletConf,
		"--config=/var/lib/kubelet/config.yaml",
	}
	data, errConfig := os.ReadFile(node.StatePath("/var/lib/kubelet/config.yaml"))
	if errConfig == nil && !setsSeccomp(data) {
		args = append(args, "--seccomp-default")
	}
	flags, err := kubeadmFlags(node.StatePath("/var/lib/kubelet/kubeadm-flags.env"))
	return namespace.Program{Name: "kubelet", Args: append(args, flags...)}, errors.Join(errConfig, err)
}

// setsSeccomp reports whether a kubelet's configuration says itself which
// profile a container has that asks for none.
func setsSeccomp(config []byte) bool {
	docs, err := document.Parse(config)
	return err == nil && slices.ContainsFunc(docs, func(d document.Document) bool { return d["seccompDefault"] != nil })
}

// kubeadmFlags reads the flags that kubeadm wrote for the kubelet: one
// variable in quotes, its words parted by spaces.
func kubeadmFlags(path string) ([]string, error) {
	data, err := host.ReadFile(path)
	if err != nil {
		return nil, message.Errorf("reading kubeadm's flags for the kubelet: %w", err)
	}
	_, value, found := strings.Cut(strings.TrimSpace(string(data)), "KUBELET_KUBEADM_ARGS=")
	if !found {
		return nil, message.Errorf("reading kubeadm's flags for the kubelet: %q has no KUBELET_KUBEADM_ARGS", path)
	}
	return strings.Fields(node.Unquote(value)), nil
}
