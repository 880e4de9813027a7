// Package deps knows what podsec-k8s stands on: which packages of ALT Linux
// p10, in which versions, for which minor version of Kubernetes, and why. It
// checks a repository of RPMs against that.
package deps

import (
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Pin is a package, or a name that packages provide, with the versions
// that will do.
type Pin struct {
	Name   string         `json:"name"`
	From   string         `json:"from,omitempty"`   // the lowest version; "" for any
	Before string         `json:"before,omitempty"` // the lowest version that will not do any more; "" for none
	Why    message.Format `json:"why"`
	Read   string         `json:"read"` // where the name, how ALT provides it, and the bounds were read
}

// Requires returns the pin as an RPM's dependencies, the upper bound first: of
// several minors apt then takes the right one at once, see chosen. A version without a
// release is one that any release satisfies, and ALT's rpm ignores an epoch
// that a dependency does not name: no bound has one.
// Source: rpm's manual, "More on Dependencies"; see evr.against.
func (p Pin) Requires() []string {
	bounds := p.bounds()
	if bounds == nil {
		return []string{p.Name}
	}
	for i := range bounds {
		bounds[i] = p.Name + " " + bounds[i]
	}
	return reversed(bounds)
}

// String returns the name and both bounds, such as "etcd >= 3.5, < 3.7".
func (p Pin) String() string {
	return strings.TrimSpace(p.Name + " " + strings.Join(p.bounds(), ", "))
}

func (p Pin) bounds() []string {
	var all []string
	if p.From != "" {
		all = append(all, ">= "+p.From)
	}
	if p.Before != "" {
		all = append(all, "< "+p.Before)
	}
	return all
}

// Pins lists what a build for one Kubernetes minor needs, such as "1.26".
// The error is ErrUnknownMinor for any other.
func Pins(minor string) ([]Pin, error) {
	m, err := MinorOf(minor)
	if err != nil {
		return nil, err
	}
	return slices.Concat(kubernetesPins(m), runtimePins(m), basePins()), nil
}

// kubernetesPins keeps all of Kubernetes in one minor, for ALT has several,
// which provide the same names and conflict with each other.
func kubernetesPins(m Minor) []Pin {
	pin := func(name string, why message.Format) Pin {
		return Pin{"kubernetes-" + name, m.From, m.Before, why, m.Read}
	}
	return []Pin{
		pin("kubeadm", "creates the cluster"),
		pin("kubelet", "runs the pods of the node"),
		pin("client", "kubectl manages the cluster's objects"),
		pin("master", "kube-apiserver, kube-controller-manager and kube-scheduler run as user services"),
		pin("node", "kube-proxy runs as a user service"),
		pin("crio", "kernel modules and sysctls for CRI-O nodes"),
	}
}

// ALT's specs are those of Sisyphus, with their history: p10 left it in July
// 2021, so what stood there then is the oldest that p10 can have. podsec's are
// the requirements of ALT's podsec-k8s 1.1, which installs on p10.
func runtimePins(m Minor) []Pin {
	return []Pin{
		{"etcd", m.Etcd, "", "kubeadm's manifest sets flags that older versions reject", "ALT's etcd.spec; 3.4.15 in July 2021"},
		{"flannel", m.Flannel, "", "the pod network, with the kubelet's credentials", "ALT's flannel.spec; 0.13.0 in July 2021"},
		{"cri-o", m.CRIO, m.CRIOBefore, "the container runtime, for this Kubernetes minor or the next one", "ALT's cri-o1.26.spec and cri-o1.27.spec: they provide and conflict with cri-o"},
		{"cri-tools", "1.22.0", "", "kubeadm requires crictl", "ALT's cri-tools1.26.spec: it provides and conflicts with cri-tools"},
		{"crun", m.Crun, "", "runs CRI-O's containers; older versions reject its specifications", "ALT's crun.spec; podsec's"},
		{"conmon", "2.0.19", "", "monitors containers; older versions lack --sync, which exec needs", "ALT's conmon.spec, epoch 1; 1:2.0.27 in July 2021; CRI-O's internal/config/conmonmgr; tried with 2.0.21"},
		{"cni-plugins", "0.9.1", "", "the plugins bridge, host-local and portmap of CNI 0.4.0", "ALT's cni-plugins.spec; 0.9.1 in July 2021; tried"},
		{"rootlesskit", "1.1.0", "", "creates the namespaces; older versions cannot evacuate a cgroup", "ALT's rootlesskit.spec; podsec's"},
		{"slirp4netns", "1.1.12", "", "the network of the namespaces", "ALT's slirp4netns.spec; podsec's"},
	}
}

func basePins() []Pin {
	return []Pin{
		{"systemd", "249", "", "user services with delegated controllers", "ALT's systemd.spec, epoch 1"},
		{"shadow-submap", "4.5", "", "newuidmap and newgidmap", "ALT's shadow.spec, epoch 1; podsec's"},
		{"shadow-utils", "", "", "useradd, groupadd", "ALT's shadow.spec"},
		{"iproute2", "5.13", "", "the node's address in the namespaces", "ALT's iproute2.spec; 5.13.0 in July 2021"},
		{"iptables", "1.8.7", "", "kube-proxy's rules", "ALT's iptables.spec; 1.8.7 in July 2021"},
		{"conntrack-tools", "1.4.6", "", "kube-proxy's connections", "ALT's conntrack-tools.spec; 1.4.6 in July 2021"},
		{"skopeo", "1.9.1", "", "loads image archives", "ALT's skopeo.spec; podsec's"},
		{"containers-common", "", "", "the image policy", "ALT's containers-common.spec, epoch 1; skopeo requires it"},
		{"util-linux", "2.36", "", "nsenter", "ALT's util-linux.spec, epoch 1; 1:2.36.1 in July 2021"},
		{"kmod", "", "", "modprobe, for tun, overlay and the modules of pod networks", "ALT's kmod.spec"},
		{"fuse-overlayfs", "", "", "image layers on kernels before 5.11", "ALT's fuse-overlayfs.spec"},
	}
}

// PolicyPins lists what the package of NetworkPolicies needs beside podsec-k8s itself.
func PolicyPins() []Pin {
	return []Pin{
		{"iptables", "1.8.7", "", "kube-router's rules", "ALT's iptables.spec; 1.8.7 in July 2021"},
		{"ipset", "7.0", "", "kube-router's sets of addresses", "ALT's ipset.spec; kube-router's pkg/utils/ipset.go"},
	}
}

func reversed[T any](all []T) []T {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}
