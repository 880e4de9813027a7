package node

import (
	"errors"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

// TestNote: what a unit leaves is read again, and before that it is missing.
func TestNote(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	var lines []Problem
	if err := NoteNetwork.Load(&lines); !IsMissing(err) {
		t.Errorf("%v", err)
	}
	known := NewProblem(host.NewFault("try again", "no\x1b room"))
	if known.Remedy.String() != "try again" || known.Fault.String() != "no\x1b room" {
		t.Errorf("%+v", known)
	}
	if err := NoteNetwork.Save([]Problem{known, NewProblem(errors.New("x"))}); err != nil {
		t.Fatal(err)
	}
	if err := NoteNetwork.Load(&lines); err != nil || len(lines) != 2 || !lines[0].Fault.Equal(known.Fault) || !lines[0].Remedy.Equal(known.Remedy) || lines[1].Fault.String() != "x" || !lines[1].Remedy.Empty() {
		t.Errorf("%+v, %v", lines, err)
	}
	if err := NoteNetwork.Save(func() {}); err == nil {
		t.Error("a function was saved")
	}
}
