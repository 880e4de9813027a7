package host

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCatchInterrupts: each signal that asks to end ends the context, and is its
// cause. Below nohup a hangup is ignored, as it is to be.
func TestCatchInterrupts(t *testing.T) {
	all := []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT}
	if !signal.Ignored(unix.SIGHUP) {
		all = append(all, unix.SIGHUP)
	}
	for _, s := range all {
		ctx, stop := CatchInterrupts(t.Context())
		if err := unix.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		var i *Interrupt
		if cause := context.Cause(ctx); !errors.As(cause, &i) || i.Signal != s || !errors.Is(cause, context.Canceled) {
			t.Errorf("%s: got %v", unix.SignalName(s), cause)
		}
		stop()
	}
}

// TestRemoveCutWrites: only what a cut WriteFile has left of that very file goes.
func TestRemoveCutWrites(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "node.json")
	stay := []string{"node.json", ".node.json", ".node.json.copy12", ".node.jsonx1", ".steps.json12"}
	for _, name := range append(stay, ".node.json12", ".node.json4081") {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveCutWrites(path); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != len(stay) {
		t.Errorf("left: %v, %v", entries, err)
	}
	for _, name := range stay {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	if err := RemoveCutWrites(filepath.Join(folder, "nowhere", "node.json")); err != nil {
		t.Error(err)
	}
}
