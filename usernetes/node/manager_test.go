package node

import (
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/played"
)

func TestHasProcess(t *testing.T) {
	for ids, want := range map[string]bool{"": false, "\n": false, "0\n0\n": false, "7\n": true, "0\n7\n": true} {
		if hasProcess(ids) != want {
			t.Errorf("%q: not %v", ids, want)
		}
	}
}

func TestParseOuterUID(t *testing.T) {
	inside := "         0        996          1\n         1     200000      65536\n"
	for _, c := range []struct {
		name  string
		uid   uint32
		outer uint32
		ok    bool
	}{
		{"root of the namespace", 0, 996, true},
		{"first subordinate id", 1, 200000, true},
		{"last subordinate id", 65536, 265535, true},
		{"unmapped", 65537, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			outer, err := parseOuterUID(inside, c.uid)
			if outer != c.outer || (err == nil) != c.ok {
				t.Errorf("got %d, %v", outer, err)
			}
		})
	}
}

func FuzzParseOuterUID(f *testing.F) {
	f.Add("0 996 1\n1 200000 65536\n", uint32(7))
	f.Fuzz(func(_ *testing.T, text string, uid uint32) {
		_, _ = parseOuterUID(text, uid)
	})
}

// TestUserManager: it is the systemd of the user that the machine knows.
func TestUserManager(t *testing.T) {
	s := played.Start(t)
	t.Setenv("XDG_RUNTIME_DIR", s.Dir)
	m, err := UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.DaemonReload(t.Context()); err != nil || len(s.Calls()) != 1 {
		t.Errorf("%q, %v", s.Calls(), err)
	}
	if StartRemedy(true) == StartRemedy(false) {
		t.Error("a guard that runs is started in vain")
	}
}
