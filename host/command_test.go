package host

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCommand: a program gets what it is given, and what it prints comes back.
func TestCommand(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out, err := Command{
		Path: "sh", Args: []string{"-c", "cat; echo $A; pwd; echo more >&3"}, Env: []string{"A=1"}, Dir: dir,
		Stdin: strings.NewReader("in\n"), Files: []*os.File{write},
	}.Output(t.Context())
	if want := "in\n1\n" + dir + "\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v, want %q", out, err, want)
	}
	if err := write.Close(); err != nil {
		t.Error(err)
	}
	if more, err := io.ReadAll(read); err != nil || string(more) != "more\n" {
		t.Errorf("%q, %v", more, err)
	}
}

// TestCommandFails: the error has the arguments, the status and the last words.
func TestCommandFails(t *testing.T) {
	err := Command{Path: "sh", Args: []string{"-c", "echo why >&2; exit 3"}}.Run(t.Context())
	var failed *CommandError
	if !errors.As(err, &failed) || failed.Status != 3 || failed.Stderr != "why\n" || failed.Error() != `running ["sh" "-c" "echo why >&2; exit 3"]: exit status 3: why` {
		t.Errorf("%v", err)
	}
	err = Command{Name: "asking", Path: "/no/such/program"}.Run(t.Context())
	if !errors.As(err, &failed) || failed.Status != -1 || !strings.HasPrefix(failed.Error(), "asking: ") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for _, c := range []Command{{Path: "no-such-program"}, {Path: "sh", Dir: "/no/such/folder"}} {
		if err := c.Exec(); !errors.As(err, &failed) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := LookPath("no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestCommandEnds: with its context a program ends, as it is told to.
func TestCommandEnds(t *testing.T) {
	for name, end := range map[string]func(int) error{
		"terminated": nil, "killed": func(pid int) error { return unix.Kill(pid, unix.SIGKILL) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(ErrCallerEnded) })
		err := Command{Path: "sleep", Args: []string{"1000"}, End: end}.Run(ctx)
		if !errors.Is(err, ErrCallerEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLastWords: of a long error output the end is kept.
func TestLastWords(t *testing.T) {
	var b tailBuffer
	for range 3 {
		if _, err := b.Write([]byte(strings.Repeat("x", stderrTail-1) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.String()) != stderrTail || !strings.HasSuffix(b.String(), "x\n") {
		t.Errorf("%d bytes are kept", len(b.String()))
	}
}
