package node

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestReplaceable: a file that was replaced is back, as often as it is asked for,
// until it is settled.
func TestReplaceable(t *testing.T) {
	if err := os.RemoveAll(StateDir); err != nil {
		t.Fatal(err)
	}
	r := ReplaceableFile("part", StateDir+"/part.yaml")
	is := func(want string) {
		t.Helper()
		if text, err := os.ReadFile(r.Path); err != nil || string(text) != want {
			t.Errorf("it is %q, %v, and not %q", text, err, want)
		}
	}
	if err := r.Replace([]byte("b")); err == nil {
		t.Error("there was none to replace")
	}
	if was, err := r.Restore(); was || err != nil {
		t.Errorf("of nothing: %v, %v", was, err)
	}
	roottest.WriteFile(t, r.Path, "a")
	if err := r.Replace([]byte("b")); err != nil {
		t.Fatal(err)
	}
	is("b")
	for range 2 {
		if was, err := r.Restore(); !was || err != nil {
			t.Errorf("%v, %v", was, err)
		}
		is("a")
	}
	if err := r.Settle(); err != nil {
		t.Fatal(err)
	}
	if was, err := r.Restore(); was || err != nil {
		t.Errorf("settled: %v, %v", was, err)
	}
}
