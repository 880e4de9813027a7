package deps

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPinForms(t *testing.T) {
	for _, c := range []struct {
		name     string
		pin      Pin
		text     string
		requires []string
	}{
		{"any version", Pin{Name: "kmod"}, "kmod", []string{"kmod"}},
		{"from", Pin{Name: "etcd", From: "3.5"}, "etcd >= 3.5", []string{"etcd >= 3.5"}},
		{"before", Pin{Name: "etcd", Before: "3.7"}, "etcd < 3.7", []string{"etcd < 3.7"}},
		{"both", Pin{Name: "etcd", From: "3.5", Before: "3.7"}, "etcd >= 3.5, < 3.7", []string{"etcd < 3.7", "etcd >= 3.5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.pin.String(); got != c.text {
				t.Errorf("String gives %q, want %q", got, c.text)
			}
			if got := c.pin.Requires(); !slices.Equal(got, c.requires) {
				t.Errorf("Requires gives %q, want %q", got, c.requires)
			}
		})
	}
}

// TestPins holds what every table must: one entry a name, a reason, a range
// that something is in, and no release, for a provided name has none.
func TestPins(t *testing.T) {
	for _, m := range Minors() {
		t.Run(m.Version, func(t *testing.T) {
			pins, err := Pins(m.Version)
			if err != nil {
				t.Fatal(err)
			}
			seen := make(map[string]bool)
			for _, p := range pins {
				if seen[p.Name] || p.Why == "" || p.Read == "" || strings.ContainsAny(p.From+p.Before, "-:") {
					t.Errorf("%+v: twice, without a reason or source, or with a release or epoch", p)
				}
				if p.From != "" && p.Before != "" && parseEVR(p.From).compare(parseEVR(p.Before)) >= 0 {
					t.Errorf("%s: nothing is in that range", p)
				}
				if strings.HasPrefix(p.Name, "kubernetes-") && (p.From != m.From || p.Before != m.Before) {
					t.Errorf("%s: not of the minor %s", p, m.Version)
				}
				seen[p.Name] = true
			}
			for _, name := range []string{"kubeadm", "kubelet", "client", "master", "node", "crio"} {
				if !seen["kubernetes-"+name] {
					t.Errorf("kubernetes-%s is not pinned", name)
				}
			}
		})
	}
}

func TestPinsOfUnknownMinor(t *testing.T) {
	if pins, err := Pins("1.28"); !errors.Is(err, ErrUnknownMinor) {
		t.Errorf("got %v, %v", pins, err)
	}
}
