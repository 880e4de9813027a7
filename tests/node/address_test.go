package node

import (
	"net/netip"
	"testing"
)

func TestAddressFor(t *testing.T) {
	for name, want := range map[string]string{"m1": "10.77.0.11", "m9": "10.77.0.19", "w2": "10.77.0.22"} {
		if got, err := addressFor(name, nil); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, want)
		}
	}
	taken := map[netip.Addr]bool{}
	for i := range 100 {
		a, err := addressFor("other", taken)
		if err != nil || taken[a] {
			t.Fatalf("address %d: %v, %v", i, a, err)
		}
		taken[a] = true
	}
	if a, err := addressFor("other", taken); err == nil {
		t.Errorf("got %v with every address taken", a)
	}
}
