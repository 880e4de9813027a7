package deps

import (
	"slices"
	"testing"

	"github.com/cavaliergopher/rpm"
)

// An altPackage is a package as ALT has it, in the oldest version that p10
// can have: that of July 2021, when p10 left Sisyphus, or the one that ALT's
// podsec-k8s 1.1 requires of p10. Source: ALT's specs with their history, and
// podsec.spec 1.1.
type altPackage struct {
	name, evr string
	as        string // the name that several packages provide and conflict over
}

func p10() []altPackage {
	all := []altPackage{
		{"etcd", "3.4.15-alt1", ""},
		{"flannel", "0.13.0-alt1", ""},
		{"crun", "1.8.1-alt1", ""},
		{"conmon", "1:2.0.27-alt1", ""},
		{"cni-plugins", "0.9.1-alt1", ""},
		{"rootlesskit", "1.1.0-alt2", ""},
		{"slirp4netns", "1.1.12-alt1", ""},
		{"systemd", "1:249.1-alt2", ""},
		{"shadow-submap", "1:4.5-alt8", ""},
		{"shadow-utils", "1:4.5-alt8", ""},
		{"iproute2", "5.13.0-alt1", ""},
		{"iptables", "1.8.7-alt1", ""},
		{"conntrack-tools", "1.4.6-alt2", ""},
		{"skopeo", "1.9.1-alt1", ""},
		{"containers-common", "1:1-alt1", ""},
		{"util-linux", "1:2.36.1-alt2", ""},
		{"kmod", "27.0.9.f5434cf-alt1", ""},
		{"fuse-overlayfs", "1.1.2.3.800011b-alt1", ""},
	}
	for _, minor := range [][3]string{ // Kubernetes, its CRI-O, its tools
		{"1.26.15-alt1", "1.26.4-alt4", "1.26.1-alt2"},
		{"1.27.16-alt1", "1.27.8-alt1", "1.27.1-alt1"},
		{"1.28.14-alt1", "1.28.10-alt1", "1.28.0-alt1"},
		{"1.29.9-alt1", "1.29.8-alt1", "1.29.0-alt1"},
		{"1.30.5-alt1", "1.30.5-alt1", "1.30.1-alt1"},
		{"1.31.1-alt1", "1.31.0-alt1", "1.31.1-alt1"},
	} {
		version := minor[0][:len("1.26")]
		for _, part := range []string{"common", "master", "node", "kubelet", "kubeadm", "client", "crio"} {
			all = append(all, altPackage{"kubernetes" + version + "-" + part, minor[0], "kubernetes-" + part})
		}
		all = append(all, altPackage{"cri-o" + version, minor[1], "cri-o"}, altPackage{"cri-tools" + version, minor[2], "cri-tools"})
	}
	return all
}

func (p altPackage) candidate() candidate {
	c := candidate{file: p.name + ".rpm", name: p.name, evr: parseEVR(p.evr), provides: []provide{{p.name, p.evr}}}
	if p.as != "" {
		c.provides = append(c.provides, provide{p.as, p.evr})
		c.conflicts = []relation{{p.as, rpm.DepFlagLesser, p.evr}, {p.as, rpm.DepFlagGreater, p.evr}}
	}
	return c
}

// onP10 returns the pins of 1.26, and p10's packages to meet them.
func onP10(t *testing.T) (pins []Pin, all []candidate) {
	t.Helper()
	pins, err := Pins("1.26")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range p10() {
		all = append(all, p.candidate())
	}
	return pins, all
}

// TestPinsOnP10 installs on what p10 has at the least, with every minor of
// Kubernetes beside each other.
func TestPinsOnP10(t *testing.T) {
	pins, all := onP10(t)
	for _, order := range [][]candidate{all, reversed(all)} {
		for _, r := range judge(pins, order).Pins {
			if r.State != OK {
				t.Errorf("%s is %s: %+v", r.Pin, r.State, r.Found)
			}
		}
	}
}

// TestMinorsOnP10 has which of several minors apt takes.
func TestMinorsOnP10(t *testing.T) {
	pins, all := onP10(t)
	report := judge(pins, all)
	for name, want := range map[string]string{
		"kubernetes-kubeadm": "kubernetes1.26-kubeadm",
		"kubernetes-kubelet": "kubernetes1.26-kubelet",
		"kubernetes-master":  "kubernetes1.26-master",
		"cri-o":              "cri-o1.27",
		"cri-tools":          "cri-tools1.31",
		"etcd":               "etcd",
	} {
		at := slices.IndexFunc(report.Pins, func(r Result) bool { return r.Pin.Name == name })
		if got := report.Pins[at].Found[0].Package; got != want {
			t.Errorf("apt takes %s for %s, want %s", got, name, want)
		}
	}
}
