// Package generation is the generations that podsec-k8s is tested with, as data.
package generation

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A Generation is a set of versions that belong together, and the Debian
// release whose root file system a node of it has.
type Generation struct {
	Name        string // the Kubernetes minor; with another of its versions that version, as 1.34.3
	Upgraded    bool   // only upgrades lead to it: make test does without it, make test-upgrade needs it
	Suite       string // of Debian
	GoRoot      string // of the toolchain that builds its programs; "" for the machine's own
	Toolchain   string // of the Go module proxy, for Kubernetes alone, such as go1.20.14; "" for GoRoot's
	Kubernetes  string
	Commit      string // of Kubernetes, which its programs show; "" where no test asks for it
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

// Minor returns the minor of its Kubernetes, such as 1.34.
func (g Generation) Minor() string {
	return strings.Join(strings.Split(strings.TrimPrefix(g.Kubernetes, "v"), ".")[:2], ".")
}

// All lists the generations that the program knows, the default first.
func All() []Generation {
	return []Generation{
		{
			Name: "1.26", Suite: "bookworm", GoRoot: "/usr/lib/go-1.19",
			Kubernetes: "v1.26.3", Commit: "9e644106593f3f4aa98f8a84b23db5fa378900bd", CRIO: "v1.27.1", Etcd: "v3.5.9", CoreDNS: "v1.9.3", Flannel: "v0.21.4",
			CRITools: "v1.26.1", RootlessKit: "v1.1.0", Pause: "3.9", EtcdImage: "3.5.6-0",
			KubeadmAPI: "kubeadm.k8s.io/v1beta3", Network: "slirp4netns", Prefix: "kubernetes-", DropIn: "kubeadm.conf",
			NodeArgs: `{enforce-node-allocatable: ""}`, Kubelet: "cgroupsPerQOS: false",
		},
		{
			Name: "1.27", Upgraded: true, Suite: "bookworm", GoRoot: "/usr/lib/go-1.19", Toolchain: "go1.20.14",
			Kubernetes: "v1.27.16", CRIO: "v1.27.1", Etcd: "v3.5.9", CoreDNS: "v1.10.1", Flannel: "v0.21.4",
			CRITools: "v1.26.1", RootlessKit: "v1.1.0", Pause: "3.9", EtcdImage: "3.5.12-0",
			KubeadmAPI: "kubeadm.k8s.io/v1beta3", Network: "slirp4netns", Prefix: "kubernetes1.27-", DropIn: "kubeadm.conf",
			NodeArgs: `{enforce-node-allocatable: ""}`, Kubelet: "cgroupsPerQOS: false",
		},
		{
			Name: "1.34", Suite: "trixie",
			Kubernetes: "v1.34.4", CRIO: "v1.34.0", Etcd: "v3.6.4", CoreDNS: "v1.12.1", Flannel: "v0.27.4",
			CRITools: "v1.26.1", Pause: "3.10.1", EtcdImage: "3.6.5-0",
			KubeadmAPI: "kubeadm.k8s.io/v1beta4", Network: "pasta", Prefix: "kubernetes1.34-", DropIn: "10-kubeadm.conf",
			NodeArgs: "[]", Kubelet: "cgroupsPerQOS: false\nenforceNodeAllocatable: [none]",
		},
		{
			Name: "1.35", Upgraded: true, Suite: "trixie",
			Kubernetes: "v1.35.4", CRIO: "v1.34.0", Etcd: "v3.6.4", CoreDNS: "v1.13.1", Flannel: "v0.27.4",
			CRITools: "v1.26.1", Pause: "3.10.1", EtcdImage: "3.6.6-0",
			KubeadmAPI: "kubeadm.k8s.io/v1beta4", Network: "pasta", Prefix: "kubernetes1.35-", DropIn: "10-kubeadm.conf",
			NodeArgs: "[]", Kubelet: "cgroupsPerQOS: false\nenforceNodeAllocatable: [none]",
		},
	}
}

// Tested lists the generations that make test makes clusters of.
func Tested() []Generation {
	return slices.DeleteFunc(All(), func(g Generation) bool { return g.Upgraded })
}

// others lists the versions of Kubernetes that a minor's clusters have before or
// after an upgrade, beside that of its row. ALT's packages have the minor in their
// names since 1.26.10.
// Source: ALT's kubernetes1.26.spec, its changelog.
func others() []Generation {
	return []Generation{
		{Name: "1.26", Kubernetes: "v1.26.13", Prefix: "kubernetes1.26-"},
		{Name: "1.34", Kubernetes: "v1.34.3", Prefix: "kubernetes1.34-"},
	}
}

// Named finds a generation by its minor or by a version of Kubernetes, such as
// 1.34.3; "" is the default.
func Named(name string) (Generation, error) {
	var names []string
	for _, g := range All() {
		if name == "" || g.Name == name || g.Kubernetes == "v"+name {
			return g, nil
		}
		names = append(names, g.Name)
	}
	for _, other := range others() {
		if other.Kubernetes == "v"+name {
			g, err := Named(other.Name)
			g.Name, g.Kubernetes, g.Commit, g.Prefix = name, other.Kubernetes, other.Commit, other.Prefix
			return g, err
		}
		names = append(names, other.Kubernetes[1:])
	}
	return Generation{}, fmt.Errorf("there is no generation %q: GEN is one of %q", name, names)
}

// An Upgrade is what clusters have before and after, by names of Named.
type Upgrade struct{ From, To string }

// Patches lists the upgrades within a minor.
func Patches() []Upgrade { return []Upgrade{{"1.26.3", "1.26.13"}, {"1.34.3", "1.34.4"}} }

// Minors lists the upgrades to the next minor.
func Minors() []Upgrade { return []Upgrade{{"1.26.3", "1.27.16"}, {"1.34.4", "1.35.4"}} }

// FromEnv returns the generation that GEN names.
func FromEnv() (Generation, error) { return Named(os.Getenv("GEN")) }
