package namespace

import "testing"

func TestMapsAll(t *testing.T) {
	for ids, want := range map[string]bool{
		"         0          0 4294967295\n":                                   true,
		"         0        999          1\n         1     100000      65536\n": false,
		"         0          0          1\n         1          1 4294967294\n": false,
		"         0     100000 4294867295\n":                                   false,
	} {
		if got := mapsAll(ids); got != want {
			t.Errorf("%q: %v", ids, got)
		}
	}
}
