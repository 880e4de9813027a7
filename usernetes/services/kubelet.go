package services

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/membership"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// KubeletConfig is the configuration that kubeadm writes for the kubelet.
const KubeletConfig = "/var/lib/kubelet/config.yaml"

// runKubelet becomes the kubelet in the node. It makes the folder of stand-ins, of
// which a worker has none: without the folder the kubelet complains every second.
// kubeadm reset takes it away.
func runKubelet(ctx context.Context, _ node.Node) error {
	if err := checkMember(ctx); err != nil {
		return err
	}
	if err := host.MkdirAll(node.StatePath(node.StandInsDir), 0o700); err != nil {
		return message.Errorf("creating the directory of stand-ins: %w", err)
	}
	p, err := kubelet()
	if err != nil {
		return err
	}
	return p.ExecUnit(ctx)
}

// checkMember keeps the kubelet from making a Node object that was removed for good.
// systemd skips the next start. Where the cluster can't be asked, the kubelet can't
// make one either.
func checkMember(ctx context.Context) error {
	if !host.Exists(node.MemberFile) {
		return nil // it is not known to a cluster yet
	}
	removed, err := membership.LookHere(ctx)
	if removed && err == nil {
		return message.New("this machine was removed from its cluster")
	}
	if err != nil {
		slog.Warn("asking the cluster whether this machine is still a node of it", "error", err)
	}
	return nil
}

// kubelet adds to kubeadm's own flags what its systemd drop-in would, and the
// seccomp profile RuntimeDefault for containers that ask for none. Who says
// otherwise, in the cluster's configuration or by a flag, is heard. A kubelet that
// can't measure its file system does not start unless it is told to do without.
// Source: kubeadm's 10-kubeadm.conf; the Kubernetes documentation, "Restrict a
// Container's Syscalls with seccomp" and "Local ephemeral storage".
func kubelet() (namespace.Program, error) {
	args := []string{
		"--bootstrap-kubeconfig=" + node.TokenConf,
		"--kubeconfig=" + node.KubeletConf,
		"--config=" + KubeletConfig,
	}
	data, errConfig := os.ReadFile(node.StatePath(KubeletConfig))
	if errConfig == nil && !setsSeccomp(data) {
		args = append(args, "--seccomp-default")
	}
	if node.Unmeasured() != nil {
		args = append(args, "--local-storage-capacity-isolation=false")
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
	for _, a := range units.Assignments(string(data)) {
		if a.Key == "KUBELET_KUBEADM_ARGS" {
			return strings.Fields(units.Unquote(a.Value)), nil
		}
	}
	return nil, message.Errorf("reading kubeadm's flags for the kubelet: %q has no KUBELET_KUBEADM_ARGS", path)
}

// kubeletHealth is known once kubeadm has written the kubelet's configuration.
func kubeletHealth(node.Node) (Probe, bool) {
	data, err := host.ReadFile(node.StatePath(KubeletConfig))
	if err != nil {
		return Probe{}, false
	}
	return kubeletProbe(data)
}

// kubeletProbe reads where a kubelet answers; port 0 is nowhere. Source: the default
// ports in the reference of KubeletConfiguration.
func kubeletProbe(config []byte) (Probe, bool) {
	settings := struct {
		Address string `yaml:"healthzBindAddress"`
		Port    *int   `yaml:"healthzPort"`
	}{Address: "127.0.0.1"}
	if err := yaml.Unmarshal(config, &settings); err != nil {
		return Probe{}, false
	}
	port := 10248
	if settings.Port != nil {
		port = *settings.Port
	}
	return Probe{Scheme: "http", Address: net.JoinHostPort(settings.Address, strconv.Itoa(port)), Path: "/healthz"}, port != 0
}
