package staticpod

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestReplaceManifest: a manifest that was replaced is back, unless it was settled.
func TestReplaceManifest(t *testing.T) {
	noNode(t)
	const name = "kube-apiserver"
	is := func(want string) {
		t.Helper()
		if text, err := os.ReadFile(ManifestFile(name)); err != nil || string(text) != want {
			t.Errorf("it is %q, %v, and not %q", text, err, want)
		}
	}
	if err := ReplaceManifest(name, []byte("b")); err == nil {
		t.Error("there was none to replace")
	}
	roottest.WriteFile(t, ManifestFile(name), "a")
	for _, settled := range []bool{true, false} {
		if err := ReplaceManifest(name, []byte("b")); err != nil {
			t.Fatal(err)
		}
		is("b")
		if settled {
			if err := SettleManifest(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := restoreManifests(); err != nil {
			t.Fatal(err)
		}
		if settled {
			is("b")
			roottest.WriteFile(t, ManifestFile(name), "a")
			continue
		}
		is("a")
	}
	if restored, err := RestoreManifest(name); restored || err != nil {
		t.Errorf("restored twice: %v", err)
	}
}
