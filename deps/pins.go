// Package deps knows what podsec-k8s stands on: which packages of ALT Linux
// p10, in which versions, for which minor version of Kubernetes, and why. It
// checks a repository of RPMs against that.
package deps

import (
	"slices"
	"strings"
)

// A Pin is a package, or a name that packages provide, with the versions
// that will do.
type Pin struct {
	Name   string `json:"name"`
	From   string `json:"from,omitempty"`   // the lowest version; "" for any
	Before string `json:"before,omitempty"` // the lowest version that will not do any more; "" for none
	Why    string `json:"why"`
}

// Requires gives the pin as an RPM's dependencies. A version without a
// release is one that any release satisfies.
// Source: rpm's manual, "More on Dependencies".
func (p Pin) Requires() []string {
	bounds := p.bounds()
	if bounds == nil {
		return []string{p.Name}
	}
	for i := range bounds {
		bounds[i] = p.Name + " " + bounds[i]
	}
	return bounds
}

// String gives the name and both bounds, such as "etcd >= 3.5, < 3.7".
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

// kubernetesPins keeps all of Kubernetes in one minor: several minors
// provide the same names on ALT, and apt takes the newest.
func kubernetesPins(m Minor) []Pin {
	pin := func(name, why string) Pin { return Pin{"kubernetes-" + name, m.From, m.Before, why} }
	return []Pin{
		pin("kubeadm", "makes the cluster"),
		pin("kubelet", "runs the pods of the node"),
		pin("client", "kubectl applies the cluster's objects"),
		pin("master", "kube-apiserver, kube-controller-manager and kube-scheduler run as user services"),
		pin("node", "kube-proxy runs as a user service"),
		pin("crio", "kernel modules and sysctls of CRI-O nodes"),
	}
}

func runtimePins(m Minor) []Pin {
	return []Pin{
		{"etcd", m.Etcd, "", "kubeadm's manifest has flags that older ones refuse"},
		{"flannel", m.Flannel, "", "the pod network, by the kubelet's identity"},
		{"cri-o", m.CRIO, m.CRIOBefore, "the container runtime, of the Kubernetes minor or the next"},
		{"cri-tools", "1.22.0", "", "kubeadm asks for crictl"},
		{"crun", m.Crun, "", "runs CRI-O's containers; older ones refuse its specifications"},
		{"conmon", "2.1.0", "", "holds the containers' output"},
		{"cni-plugins", "1.1.0", "", "bridge, host-local and portmap of CNI 1.0.0"},
		{"rootlesskit", "1.1.0", "", "the namespaces; older ones can't evacuate a cgroup"},
		{"slirp4netns", "1.1.12", "", "the namespaces' network"},
	}
}

func basePins() []Pin {
	return []Pin{
		{"systemd", "249", "", "user services with delegated controllers"},
		{"shadow-submap", "4.5", "", "newuidmap and newgidmap"},
		{"shadow-utils", "", "", "useradd, groupadd"},
		{"iproute2", "5.13", "", "the node's address in the namespaces"},
		{"iptables", "1.8.7", "", "kube-proxy's rules"},
		{"conntrack-tools", "1.4.6", "", "kube-proxy's connections"},
		{"skopeo", "1.9.1", "", "loads image archives"},
		{"containers-common", "", "", "the policy of images"},
		{"util-linux", "2.36", "", "nsenter"},
		{"kmod", "", "", "modprobe, for tun, overlay and the modules of pod networks"},
		{"fuse-overlayfs", "", "", "layers on kernels before 5.11"},
	}
}
