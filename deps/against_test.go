package deps

import (
	"testing"

	"github.com/cavaliergopher/rpm"
)

// TestMet has what a package provides and what another one asks for, and how
// ALT's rpm 4.13 answers.
func TestMet(t *testing.T) {
	const (
		read     = "rpm 4.13 of ALT, lib/rpmds.c, rpmdsCompareEVR with _rpmds_nopromote = 0"
		observed = "rpm 4.13.0.1 of ALT in a node"
		manual   = "rpm's manual, More on Dependencies"
		sets     = "rpm 4.13 of ALT, lib/rpmds.c: no overlap between a set and a version"
	)
	for _, c := range []struct {
		provided, op, named string
		want                bool
		source              string
	}{
		{"1:2.0.21-alt1", ">=", "2.1.0", false, observed},
		{"1:2.0.21-alt1", ">=", "1:2.0", true, read},
		{"1:2.0.21-alt1", ">=", "0:2.0", true, read},
		{"1:2.0.21-alt1", ">=", "0:2.1.0", true, read},
		{"1:2.0.21-alt1", ">=", "1:2.1.0", false, read},
		{"1:2.0.21-alt1", ">=", "2.0.19", true, read},
		{"1:2.0.21-alt1", "<", "2.1.0", true, read},
		{"1:249.17-alt2", ">=", "249", true, observed},
		{"1:249.17-alt2", "<", "0:250", false, read},
		{"2.0.21-alt1", ">=", "1:2.0", false, read},
		{"2.0.21-alt1", "<", "1:2.0", true, read},
		{"2.0.21-alt1", ">=", "0:2.0", true, read},
		{"0:2.0.21-alt1", ">=", "2.0", true, read},
		{"0:2.0.21-alt1", ">=", "1:2.0", false, read},
		{"2:1.0-alt1", ">=", "1:9.0", true, read},
		{"1.26.15-alt1", "<", "1.27", true, manual},
		{"1.27-alt1", "<", "1.27", false, manual},
		{"1.27-alt0.p10.1", "<", "1.27", false, manual},
		{"1.26.3-alt1", ">=", "1.26.3", true, manual},
		{"1.26.3-alt0.p10.1", ">=", "1.26.3", true, manual},
		{"1.26.3-alt0.p10.1", ">=", "1.26.3-alt1", false, read},
		{"1.26.3-alt1.1", ">=", "1.26.3-alt1", true, read},
		{"1.26.3-alt1", ">=", "1.26.3-alt1.1", false, read},
		{"1.26.3-alt0.p10.2", ">", "1.26.3-alt0.p10.1", true, read},
		{"1.26.3", ">=", "1.26.3-alt1", false, read},
		{"1.26.3", "=", "1.26.3-alt1", false, read},
		{"1.26.3-alt1", "=", "1.26.3", true, read},
		{"1.26.3-alt1:p10+299225.100.2.1", "=", "1.26.3-alt1", true, read},
		{"1.26.3-alt1:p10+299225.100.2.1@1654002425", ">=", "1.26.3", true, read},
		{"", ">=", "9", true, manual},
		{"1", "", "", true, manual},
		{"set:kgXYZ", "", "", true, manual},
		{"set:kgXYZ", ">=", "0", false, sets},
		{"set:kgXYZ", "<", "9", false, sets},
		{"1.0-alt1", ">=", "set:kgXYZ", false, sets},
		{"set:kgXYZ", ">=", "set:kgXYZ", true, "rpm 4.13 of ALT, lib/set.c: a set holds itself"},
	} {
		t.Run(c.provided+" for "+c.op+" "+c.named, func(t *testing.T) {
			senses := map[string]int64{
				"": rpm.DepFlagAny, "<": rpm.DepFlagLesser, "=": rpm.DepFlagEqual,
				">": rpm.DepFlagGreater, ">=": rpm.DepFlagGreaterOrEqual,
			}
			r := relation{"name", senses[c.op], c.named}
			if got := r.met(provide{"name", c.provided}); got != c.want {
				t.Errorf("met is %t, want %t: %s", got, c.want, c.source)
			}
			if r.met(provide{"other", c.provided}) {
				t.Error("another name meets it")
			}
		})
	}
}

// TestCompareNames has apt's own examples, and ALT's names.
// Source: apt-rpm of ALT, apt-pkg/algorithms.cc, nameCompare.
func TestCompareNames(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"gcc3", "gcc2", 1},
		{"gcc10", "gcc2", 1},
		{"kubernetes1.26-kubelet", "kubernetes1.31-kubelet", -1},
		{"kubernetes1.26-kubelet", "kubernetes1.9-kubelet", 1},
		{"kubernetes1.26-kubelet", "kubernetes-kubelet", 1},
		{"cri-o1.26", "cri-o", 0},
		{"etcd", "etcd", 0},
		{"a1b", "a1c", -1},
	} {
		t.Run(c.a+" and "+c.b, func(t *testing.T) {
			if got, back := compareNames(c.a, c.b), compareNames(c.b, c.a); got != c.want || back != -c.want {
				t.Errorf("%d and %d, want %d", got, back, c.want)
			}
		})
	}
}
