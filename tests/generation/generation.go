// Package generation is the generations that podsec-k8s is tested with, as data.
package generation

import (
	"fmt"
	"os"
)

// A Generation is a set of versions that belong together, and the Debian
// release whose root file system a node of it has.
type Generation struct {
	Name        string // the Kubernetes minor
	Suite       string // of Debian
	GoRoot      string // of the toolchain that builds its programs; "" for the machine's own
	Kubernetes  string
	CRIO        string
	Etcd        string
	CoreDNS     string
	Flannel     string
	CRITools    string
	RootlessKit string // "" for the one of the Debian release
	Pause       string // tag of the pause image
	EtcdImage   string // tag of the etcd image that kubeadm expects
	KubeadmAPI  string
	Network     string // the network mode of a worker that differs from its master where it can
	Prefix      string // of the names of ALT's Kubernetes packages
	DropIn      string // name of the drop-in in ALT's kubeadm package
	NodeArgs    string // kubelet flags of a site without cgroup controllers, as YAML
	Kubelet     string // kubelet configuration of such a site, as YAML
}

// All lists the generations, the default first.
func All() []Generation {
	return []Generation{
		{
			Name: "1.26", Suite: "bookworm", GoRoot: "/usr/lib/go-1.19",
			Kubernetes: "v1.26.3", CRIO: "v1.27.1", Etcd: "v3.5.9", CoreDNS: "v1.9.3", Flannel: "v0.21.4",
			CRITools: "v1.26.1", RootlessKit: "v1.1.0", Pause: "3.9", EtcdImage: "3.5.6-0",
			KubeadmAPI: "kubeadm.k8s.io/v1beta3", Network: "slirp4netns", Prefix: "kubernetes-", DropIn: "kubeadm.conf",
			NodeArgs: `{enforce-node-allocatable: ""}`, Kubelet: "cgroupsPerQOS: false",
		},
		{
			Name: "1.34", Suite: "trixie",
			Kubernetes: "v1.34.4", CRIO: "v1.34.0", Etcd: "v3.6.4", CoreDNS: "v1.12.1", Flannel: "v0.27.4",
			CRITools: "v1.26.1", Pause: "3.10.1", EtcdImage: "3.6.5-0",
			KubeadmAPI: "kubeadm.k8s.io/v1beta4", Network: "pasta", Prefix: "kubernetes1.34-", DropIn: "10-kubeadm.conf",
			NodeArgs: "[]", Kubelet: "cgroupsPerQOS: false\nenforceNodeAllocatable: [none]",
		},
	}
}

// Named finds a generation; "" is the default.
func Named(name string) (Generation, error) {
	var names []string
	for _, g := range All() {
		if name == "" || g.Name == name {
			return g, nil
		}
		names = append(names, g.Name)
	}
	return Generation{}, fmt.Errorf("there is no generation %q: GEN is one of %q", name, names)
}

// FromEnv returns the generation that GEN names.
func FromEnv() (Generation, error) { return Named(os.Getenv("GEN")) }
