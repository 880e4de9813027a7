package usernetes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// RunUnit is what the user unit u7s-NAME.service runs. Most programs replace
// this process. about is what a few names have beside them: of log and component
// a part of the control plane, of stop how many seconds to wait.
func RunUnit(ctx context.Context, name, about string) error {
	switch name {
	case "namespace":
		return RunNamespace(ctx)
	case "manifests":
		return followManifests(ctx)
	case "cni":
		return enterSelf(ctx, "cni-file")
	case "await-api":
		return enterSelf(ctx, "api-ready")
	case "flanneld":
		return enterSelf(ctx, "flanneld-inside")
	case "cni-file":
		return writeCNI()
	case "stop":
		return stopProgram(ctx, about)
	case "stop-rest":
		return stopRest(ctx, about)
	case "wipe":
		return wipe()
	case "log":
		return logComponent(about)
	}
	n, err := LoadNode()
	if err != nil {
		return err
	}
	return n.runUnit(ctx, name, about)
}

// runUnit is RunUnit for what has to know the node.
func (n Node) runUnit(ctx context.Context, name, about string) error {
	switch name {
	case "rootlesskit":
		return runRootlessKit(ctx, n)
	case "ports":
		return publishPorts(ctx, n)
	case "answers":
		return printAnswers(ctx, n)
	case "api-ready":
		return awaitAPI(ctx, n)
	case "flanneld-inside":
		return runFlanneld(ctx, n)
	case "kubelet":
		return runKubelet(ctx, n)
	case "component":
		return becomeComponent(about, n)
	}
	if isComponent(name) {
		return runComponent(ctx, name, n)
	}
	return runInNode(ctx, name, n)
}

// runRootlessKit waits a while for the machine to have the node's address,
// then becomes RootlessKit, or runs it.
func runRootlessKit(ctx context.Context, n Node) error {
	if err := awaitAddress(ctx, n); err != nil {
		return err
	}
	if err := host.MkdirAll(rootlessKitDir(), 0o700); err != nil {
		return fmt.Errorf("making RootlessKit's state folder: %w", err)
	}
	if err := host.Remove(childPIDFile()); err != nil { // of a run that was killed
		return fmt.Errorf("making RootlessKit's state folder: %w", err)
	}
	if n.ownPortDriver() {
		return runWithPortDriver(ctx, n)
	}
	p := rootlessKit(n)
	return host.Command{Name: p.title(), Path: p.Name, Args: p.Args, Env: environment()}.Exec()
}

// runKubelet makes the folder of stand-ins, of which a worker has none: without
// the folder the kubelet complains every second. kubeadm reset takes it away.
func runKubelet(ctx context.Context, n Node) error {
	if err := host.MkdirAll(kept(standInsDir), 0o700); err != nil {
		return fmt.Errorf("making the folder of stand-ins: %w", err)
	}
	return runInNode(ctx, "kubelet", n)
}

func runInNode(ctx context.Context, name string, n Node) error {
	p, err := program(name, n)
	if err != nil {
		return err
	}
	return p.execUnit(ctx)
}

// enterSelf runs one of our own units' programs in the node.
func enterSelf(ctx context.Context, name string) error {
	return Program{Self, []string{"unit", name}}.execUnit(ctx)
}

// program gives the command line of a service in the node.
func program(name string, n Node) (Program, error) {
	switch name {
	case "crio":
		return crio(n)
	case "kubelet":
		return kubelet()
	case "kube-proxy":
		return Program{name, []string{"--config=" + proxyFile, "--hostname-override=" + n.Name}}, nil
	}
	return Program{}, fmt.Errorf("there is no service %q in a node", name)
}

// crio gives CRI-O the site's logins by the name of their file, for the pause
// image as for all others. Source: crio(8).
func crio(n Node) (Program, error) {
	pause, err := n.pauseImage()
	args := []string{
		"--config=" + share + "/crio.conf", "--config-dir=" + SiteDir + "/crio.conf.d",
		"--pause-image=" + pause,
	}
	if n.ImageAuthFile != "" {
		args = append(args, "--global-auth-file="+n.ImageAuthFile, "--pause-image-auth-file="+n.ImageAuthFile)
	}
	return Program{"crio", args}, err
}

// kubelet adds to kubeadm's own flags what its systemd drop-in would, and the
// seccomp profile RuntimeDefault for containers that ask for none. Who says
// otherwise, in the cluster's configuration or by a flag, is heard.
// Source: kubeadm's 10-kubeadm.conf; the Kubernetes documentation, "Restrict a
// Container's Syscalls with seccomp".
func kubelet() (Program, error) {
	args := []string{
		"--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
		"--kubeconfig=" + kubeletConf,
		"--config=/var/lib/kubelet/config.yaml",
	}
	data, errConfig := os.ReadFile(kept("/var/lib/kubelet/config.yaml"))
	if errConfig == nil && !setsSeccomp(data) {
		args = append(args, "--seccomp-default")
	}
	flags, err := kubeadmFlags(kept("/var/lib/kubelet/kubeadm-flags.env"))
	return Program{"kubelet", append(args, flags...)}, errors.Join(errConfig, err)
}

// setsSeccomp reports whether a kubelet's configuration says itself which
// profile a container has that asks for none.
func setsSeccomp(config []byte) bool {
	docs, err := parseDocuments(config)
	return err == nil && slices.ContainsFunc(docs, func(d document) bool { return d["seccompDefault"] != nil })
}

// kubeadmFlags reads the flags that kubeadm wrote for the kubelet: one
// variable in quotes, its words parted by spaces.
func kubeadmFlags(path string) ([]string, error) {
	data, err := host.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading kubeadm's flags for the kubelet: %w", err)
	}
	_, value, found := strings.Cut(strings.TrimSpace(string(data)), "KUBELET_KUBEADM_ARGS=")
	if !found {
		return nil, fmt.Errorf("reading kubeadm's flags for the kubelet: %q has no KUBELET_KUBEADM_ARGS", path)
	}
	return strings.Fields(unquote(value)), nil
}
