package veth

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWatch: what others undo is made anew with nobody asking for it.
func TestWatch(t *testing.T) {
	s := startServer(t, filepath.Join(t.TempDir(), "state"))
	link := startNode(t).attach()
	machine(t, "link set u7s0 down")
	until(t, "the device to be up", func() bool { return isUp(link) == nil && leadsToPeer(link) == nil })
	if err := os.RemoveAll(nftState); err != nil {
		t.Fatal(err)
	}
	s.mend(t.Context(), false, true)
	wholeAgain(t, s, "tables")
}

// TestMendHasNothingToDo while no node has a link.
func TestMendHasNothingToDo(t *testing.T) {
	(&Server{}).mend(t.Context(), true, true)
	if hasLink() || machineTables(t) != "" {
		t.Error("a link was made for nobody")
	}
}
