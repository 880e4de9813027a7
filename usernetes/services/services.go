package services

import (
	"context"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// All is the table of the services, in the order in which they start.
func All() []Service {
	return append([]Service{
		{Unit: units.RootlessKit, Program: "rootlesskit", Run: runRootlessKit},
		{Unit: units.CRIO, Program: "crio", Run: runCRIO},
		{Unit: units.Kubelet, Program: "kubelet", Run: runKubelet, Health: kubeletHealth},
		{Unit: units.Flanneld, Program: "flanneld", Network: true, Run: runFlanneld},
		{Unit: units.KubeProxy, Program: "kube-proxy", Network: true, Run: runKubeProxy, Health: proxyHealth},
		{Unit: units.Ports, Network: true, Run: runPorts},
		{Unit: units.Policy, Network: true, Absent: netpolicy.Absent, Run: netpolicy.Run},
		{Unit: units.Manifests, Run: followManifests},
	}, controlPlane()...)
}

// Of lists the services that a node is to have, by what is installed. Of the control
// plane it has those that kubeadm has written a manifest for: etcd may be somewhere else.
func Of(n node.Node) []Service { return of(n, writtenManifests()) }

func of(n node.Node, manifests []string) []Service {
	return slices.DeleteFunc(All(), func(s Service) bool {
		return s.absent() || s.Manifest != "" && !slices.Contains(manifests, s.Manifest) && (n.APIPort == 0 || s.Manifest == staticpod.Etcd)
	})
}

// Network lists the installed services that the phases of the pod network start.
func Network() []Service {
	return slices.DeleteFunc(All(), func(s Service) bool { return !s.Network || s.absent() })
}

// Programs lists the programs that have to be installed.
func Programs() (all []string) {
	for _, s := range All() {
		if s.Program != "" {
			all = append(all, s.Program)
		}
	}
	return all
}

// Run is what podsec-k8s unit NAME does for a service.
func Run(ctx context.Context, name string, n node.Node) error {
	for _, s := range All() {
		if s.Name() == name && s.Run != nil {
			return s.Run(ctx, n)
		}
	}
	return message.Errorf("there is no service %q in a node", name)
}
