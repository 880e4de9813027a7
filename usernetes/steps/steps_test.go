package steps

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestLoadState: of the two copies of a file of state either is enough.
func TestLoadState(t *testing.T) {
	const whole = `{"Begun":"join"}`
	for _, c := range []struct {
		name        string
		file, copy  string // "-" for none
		missing, ok bool
	}{
		{"both are whole", whole, whole, false, true},
		{"of an earlier version", whole, "-", false, true},
		{"cut between the two", whole, `{"Begun":"images"}`, false, true},
		{"the first is empty", "", whole, false, true},
		{"the first is cut", whole[:7], whole, false, true},
		{"the second is cut", whole, "", false, true},
		{"both are damaged", "", whole[:3], false, false},
		{"damaged, of an earlier version", "", "-", false, false},
		{"there is none", "-", "-", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "steps.json")
			for name, text := range map[string]string{path: c.file, node.CopyOf(path): c.copy} {
				if text == "-" {
					continue
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var s Steps
			err := node.LoadState(path, &s)
			var damaged *node.DamagedError
			if node.IsMissing(err) != c.missing || (err == nil) != c.ok || errors.As(err, &damaged) == (c.ok || c.missing) {
				t.Fatalf("got %v", err)
			}
			if !c.ok {
				return
			}
			if data, err := os.ReadFile(path); err != nil || string(data) != whole || s.Begun != PhaseJoin {
				t.Errorf("got %+v, and the file %q, %v", s, data, err)
			}
		})
	}
}
