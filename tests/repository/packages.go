// Package repository makes an RPM repository under ALT's package names and
// file layout, with the real programs in it.
package repository

import (
	"cmp"
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

// A pkg is one RPM: its files by place, and what it says of names.
type pkg struct {
	name      string
	version   string
	release   string // "" is alt1
	provides  []string
	conflicts []string
	obsoletes []string
	requires  []string
	pre       string // scriptlet, "" for none
	post      string
	preun     string
	posttrans string
	files     []file
}

// instead makes a package one of several that provide a name and put each
// other out. Source: ALT's kubernetes1.26.spec, cri-o1.27.spec and
// cri-tools1.26.spec: Provides: N = %EVR, Conflicts: N < %EVR, N > %EVR.
func (p pkg) instead(name string) pkg {
	p.provides = append(p.provides, name+" = "+p.evr())
	p.conflicts = append(p.conflicts, name+" < "+p.evr(), name+" > "+p.evr())
	return p
}

func (p pkg) evr() string { return p.version + "-" + cmp.Or(p.release, "alt1") }

// A file of a package: copied from a source, or with a text of its own.
type file struct {
	path   string
	source string
	text   string
	mode   uint32
	folder bool
	config bool   // an administrator's changes are kept
	owner  string // "" is root
	group  string // "" is root
}

func program(built programs.Programs, project string, names ...string) []file {
	return programIn("/usr/bin/", built, project, names...)
}

func programIn(folder string, built programs.Programs, project string, names ...string) []file {
	var all []file
	for _, name := range names {
		all = append(all, file{path: folder + name, source: built.Path(project, name), mode: 0o755})
	}
	return all
}

// kubernetes lists ALT's split of Kubernetes. The kubelet and kubeadm
// packages carry the unit and the drop-in that podsec-k8s has to win over.
// Source: ALT's spec files of kubernetes 1.26 and later.
func kubernetes(g generation.Generation, built programs.Programs) []pkg {
	version := strings.TrimPrefix(g.Kubernetes, "v")
	one := func(part string, requires []string, files ...file) pkg {
		p := pkg{name: g.Prefix + part, version: version, files: files}
		for _, r := range requires {
			if strings.HasPrefix(r, "kubernetes-") {
				r += " = " + p.evr()
			}
			p.requires = append(p.requires, r)
		}
		if virtual := "kubernetes-" + part; virtual != p.name {
			p = p.instead(virtual)
		}
		return p
	}
	kubelet := append(program(built, "kubernetes", "kubelet"),
		file{path: "/lib/systemd/system/kubelet.service", text: kubeletUnit, mode: 0o644},
		file{path: "/var/lib/kubelet", folder: true, mode: 0o755},
		file{path: "/etc/kubernetes/kubelet", text: "KUBELET_ARGS=\"\"\n", mode: 0o644, config: true},
		file{path: "/etc/kubernetes/manifests", folder: true, mode: 0o775, group: "kube"})
	kubeadm := append(program(built, "kubernetes", "kubeadm"),
		file{path: "/etc/systemd/system/kubelet.service.d", folder: true, mode: 0o755},
		file{path: "/etc/systemd/system/kubelet.service.d/" + g.DropIn, text: kubeadmDropIn, mode: 0o644, config: true})
	service := one("kubelet", []string{"kubernetes-common"}, kubelet...)
	service.post, service.preun = postService, preunService
	tool := one("kubeadm", []string{"kubernetes-node", "cni-plugins >= 0.7.5", "iptables", "ethtool", "socat"}, kubeadm...)
	tool.posttrans = fileTrigger
	return []pkg{
		one("common", nil, file{path: "/etc/kubernetes", folder: true, mode: 0o755}),
		one("master", []string{"kubernetes-client"}, program(built, "kubernetes", "kube-apiserver", "kube-controller-manager", "kube-scheduler")...),
		one("node", []string{"conntrack-tools", "ethtool", "iptables", "socat", "kubernetes-client", "kubernetes-kubelet"}, program(built, "kubernetes", "kube-proxy")...),
		service,
		tool,
		one("client", []string{"kubernetes-common"}, program(built, "kubernetes", "kubectl")...),
		one("crio", []string{"cri-o"}, file{path: "/etc/sysctl.d/99-kubernetes-cri.conf", text: "net.ipv4.ip_forward = 1\n", mode: 0o644}),
	}
}

// What ALT's post_service and preun_service do with a service where systemd runs.
// On a first install the preset policy decides, which is ALT's own and not Debian's.
// Source: ALT's rpm-macros-systemd; service's post_service, preun_service.
const (
	postService = `[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
[ "$1" -lt 2 ] || systemctl try-restart kubelet.service`
	preunService = `[ -d /run/systemd/system ] || exit 0
[ "$1" -ne 0 ] || { systemctl --no-reload disable kubelet.service; systemctl stop kubelet.service; }`
)

// fileTrigger is what ALT's systemd does at the end of each transaction that has
// changed files of units.
// Source: ALT's systemd.spec, systemd.filetrigger.
const fileTrigger = `[ ! -d /run/systemd/system ] || systemctl daemon-reload`

// others lists what else ALT has as packages of its own, with the programs
// where ALT has them.
// Source: ALT's etcd.spec, flannel.spec, cri-o1.27.spec, cri-tools1.26.spec.
func others(g generation.Generation, built programs.Programs, root string) []pkg {
	v := func(version string) string { return strings.TrimPrefix(version, "v") }
	minor := func(name, version string) string { return name + v(version)[:len("1.26")] }
	all := []pkg{
		{name: "etcd", version: v(g.Etcd), files: append(programIn("/usr/sbin/", built, "etcd", "etcd"), program(built, "etcd", "etcdctl", "etcdutl")...)},
		{name: "flannel", version: v(g.Flannel), files: programIn("/usr/sbin/", built, "flannel", "flanneld")},
		pkg{
			name: minor("cri-o", g.CRIO), version: v(g.CRIO), files: program(built, "cri-o", "crio", "pinns"),
			requires: []string{"containers-common", "cni-plugins", "conntrack-tools", "iproute2", "iptables", "socat", "conmon"},
		}.instead("cri-o"),
		pkg{name: minor("cri-tools", g.CRITools), version: v(g.CRITools), files: program(built, "cri-tools", "crictl")}.instead("cri-tools"),
		scripts(),
	}
	kit := pkg{name: "rootlesskit", version: v(g.RootlessKit), release: "alt2", requires: []string{"shadow-submap"}}
	if g.RootlessKit != "" {
		kit.files = program(built, "rootlesskit", "rootlesskit", "rootlessctl")
		return append(all, kit)
	}
	kit.version, kit.release = "2.0.2", "alt1"
	for _, name := range []string{"rootlesskit", "rootlessctl"} {
		kit.files = append(kit.files, file{path: "/usr/bin/" + name, source: filepath.Join(root, "usr/lib/rootlesskit", name), mode: 0o755})
	}
	return append(all, kit)
}

// A based is a package of ALT's that the base system stands for.
type based struct{ debian, epoch string }

// bases maps ALT's names to Debian's, with the epochs that ALT has.
// Source: ALT's specs; Serial is the old word for Epoch.
func bases() map[string]based {
	return map[string]based{
		"systemd": {"systemd", "1"}, "shadow-submap": {"uidmap", "1"}, "shadow-utils": {"passwd", "1"}, "util-linux": {"util-linux", "1"},
		"conmon": {"conmon", "1"}, "containers-common": {"golang-github-containers-common", "1"}, "nftables": {"nftables", "1"},
		"iproute2": {"iproute2", ""}, "iptables": {"iptables", ""}, "ipset": {"ipset", ""}, "conntrack-tools": {"conntrack", ""},
		"skopeo": {"skopeo", ""}, "fuse-overlayfs": {"fuse-overlayfs", ""}, "crun": {"crun", ""}, "slirp4netns": {"slirp4netns", ""},
		"procps": {"procps", ""}, "kmod": {"kmod", ""}, "ethtool": {"ethtool", ""}, "socat": {"socat", ""},
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
