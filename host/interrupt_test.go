package host

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCatchInterrupts: each signal that asks to end ends the context, and is its
// cause.
func TestCatchInterrupts(t *testing.T) {
	for _, s := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP} {
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

// TestStartedBeforeInput: a program is given its input once Started was told of
// it, and is ended when that fails.
func TestStartedBeforeInput(t *testing.T) {
	input := &told{}
	c := Command{Path: "cat", Stdin: input, Started: func(pid int) error {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err != nil {
			t.Error(err)
		}
		input.ready = true
		return nil
	}}
	if out, err := c.Output(t.Context()); err != nil || string(out) != "asked" {
		t.Errorf("got %q, %v", out, err)
	}
	refused := errors.New("refused")
	c = Command{Path: "sleep", Args: []string{"60"}, Stdin: strings.NewReader("asked"), Started: func(int) error { return refused }}
	if err := c.Run(t.Context()); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

// A told is an input that must not be read before it is ready.
type told struct {
	ready bool
	bytes.Buffer
	given bool
}

func (r *told) Read(p []byte) (int, error) {
	if !r.given {
		r.given = true
		if r.ready {
			r.WriteString("asked")
		}
	}
	return r.Buffer.Read(p)
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
