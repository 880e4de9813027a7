// Package repository makes an RPM repository under ALT's package names and
// file layout, with the real programs in it.
package repository

import (
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

// A pkg is one RPM: its files by place, and the names it provides.
type pkg struct {
	name     string
	version  string
	provides []string
	files    []file
	requires []string
}

// A file of a package: copied from a source, or with a text of its own.
type file struct {
	path   string
	source string
	text   string
	mode   uint32
	folder bool
	group  string // "" is root
}

func program(built programs.Programs, project string, names ...string) []file {
	var all []file
	for _, name := range names {
		all = append(all, file{path: "/usr/bin/" + name, source: built.Path(project, name), mode: 0o755})
	}
	return all
}

// kubernetes lists ALT's split of Kubernetes. The kubelet and kubeadm
// packages carry the unit and the drop-in that podsec-k8s has to win over.
// Source: ALT's spec files of kubernetes 1.26 and later.
func kubernetes(g generation.Generation, built programs.Programs) []pkg {
	version := strings.TrimPrefix(g.Kubernetes, "v")
	one := func(part string, files ...file) pkg {
		p := pkg{name: g.Prefix + part, version: version, files: files}
		if virtual := "kubernetes-" + part; virtual != p.name {
			p.provides = []string{virtual + " = " + version + "-alt1"}
		}
		return p
	}
	kubelet := append(program(built, "kubernetes", "kubelet"),
		file{path: "/lib/systemd/system/kubelet.service", text: kubeletUnit, mode: 0o644},
		file{path: "/etc/kubernetes/kubelet", text: "KUBELET_ARGS=\"\"\n", mode: 0o644},
		file{path: "/etc/kubernetes/manifests", folder: true, mode: 0o775, group: "kube"})
	kubeadm := append(program(built, "kubernetes", "kubeadm"),
		file{path: "/etc/systemd/system/kubelet.service.d/" + g.DropIn, text: kubeadmDropIn, mode: 0o644})
	return []pkg{
		one("common", file{path: "/etc/kubernetes", folder: true, mode: 0o755}),
		one("master", program(built, "kubernetes", "kube-apiserver", "kube-controller-manager", "kube-scheduler")...),
		one("node", program(built, "kubernetes", "kube-proxy")...),
		one("kubelet", kubelet...),
		one("kubeadm", kubeadm...),
		one("client", program(built, "kubernetes", "kubectl")...),
		one("crio", file{path: "/etc/sysctl.d/99-kubernetes-cri.conf", text: "net.ipv4.ip_forward = 1\n", mode: 0o644}),
	}
}

// others lists what else ALT has as packages of its own.
func others(g generation.Generation, built programs.Programs, root string) []pkg {
	v := func(version string) string { return strings.TrimPrefix(version, "v") }
	all := []pkg{
		{name: "etcd", version: v(g.Etcd), files: program(built, "etcd", "etcd")},
		{name: "flannel", version: v(g.Flannel), files: program(built, "flannel", "flanneld")},
		{name: "cri-o", version: v(g.CRIO), files: program(built, "cri-o", "crio", "pinns")},
		{name: "cri-tools", version: v(g.CRITools), files: program(built, "cri-tools", "crictl")},
	}
	if g.RootlessKit != "" {
		return append(all, pkg{name: "rootlesskit", version: v(g.RootlessKit), files: program(built, "rootlesskit", "rootlesskit", "rootlessctl")})
	}
	kept := filepath.Join(root, "usr/lib/rootlesskit")
	return append(all, pkg{name: "rootlesskit", version: "2.0.2", files: []file{
		{path: "/usr/bin/rootlesskit", source: filepath.Join(kept, "rootlesskit"), mode: 0o755},
		{path: "/usr/bin/rootlessctl", source: filepath.Join(kept, "rootlessctl"), mode: 0o755},
	}})
}

// based maps the names of ALT's packages that the base system stands for to
// Debian's.
func based() map[string]string {
	return map[string]string{
		"systemd": "systemd", "shadow-submap": "uidmap", "shadow-utils": "passwd", "util-linux": "util-linux",
		"iproute2": "iproute2", "iptables": "iptables", "conntrack-tools": "conntrack", "nftables": "nftables",
		"skopeo": "skopeo", "containers-common": "golang-github-containers-common", "fuse-overlayfs": "fuse-overlayfs",
		"crun": "crun", "conmon": "conmon", "slirp4netns": "slirp4netns", "procps": "procps", "kmod": "kmod",
	}
}

const kubeletUnit = `[Unit]
Description=Kubernetes Kubelet Server

[Service]
EnvironmentFile=-/etc/kubernetes/kubelet
ExecStart=/usr/bin/kubelet $KUBELET_ARGS
Restart=on-failure

[Install]
WantedBy=multi-user.target
`

const kubeadmDropIn = `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
`
