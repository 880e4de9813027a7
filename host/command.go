package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// stderrTail is how many bytes of a failed program's error output are kept.
const stderrTail = 16 << 10

// killDelay is how long a program may take to end after its context did.
const killDelay = 10 * time.Second

// A Command is a program to run and what it is given. No secret belongs in
// Args: every process of the machine can read them.
type Command struct {
	Name   string     // how errors call it; empty means its quoted argv
	Path   string     // a path, or a name looked up in PATH
	Args   []string   // without argv[0]
	Env    []string   // KEY=VALUE; nil means the caller's environment
	Dir    string     // working folder; empty means the caller's
	Stdin  io.Reader  // nil means no input
	Stdout io.Writer  // nil means it is dropped
	Stderr io.Writer  // nil means only its end is kept, for the error
	Files  []*os.File // handed over as descriptors 3, 4, …

	// End asks the program, with that process id, to end when the context has.
	// Nil means SIGTERM.
	End func(pid int) error
}

// A CommandError is a program that could not be run or ended with a fault.
type CommandError struct {
	Name   string // of the command; may be empty
	Argv   []string
	Status int    // exit status; -1 when it did not start or a signal ended it
	Stderr string // the end of its error output
	Err    error
}

// Error returns the name or the quoted argv, how it ended, and what it said of
// that.
func (e *CommandError) Error() string { return e.Say().String() }

// Say is Error in any language; what the program has said stays as it is.
func (e *CommandError) Say() message.Text {
	text := message.Of("%s: %w", e.Name, e.Err)
	if e.Name == "" {
		text = message.Of("running %q: %w", e.Argv, e.Err)
	}
	if cause := LastError(e.Stderr); cause != "" {
		return message.Of("%s: %s", text, cause)
	}
	return text
}

// Unwrap returns the cause.
func (e *CommandError) Unwrap() error { return e.Err }

// Run runs the program to its end, as the caller's own user: for another one
// there is the gate. A fault is a *CommandError.
func (c Command) Run(ctx context.Context) error {
	var tail tailBuffer
	cmd := c.cmd(ctx)
	cmd.Stdout = c.Stdout
	cmd.Stderr = io.Writer(&tail)
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(c.Stderr, &tail)
	}
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		err = nil // what it has left behind holds its output open, and has no part in how it ended
	}
	if err != nil {
		return c.failure(ctx, err, tail.String())
	}
	return nil
}

// Output runs the program and returns what it printed.
func (c Command) Output(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run(ctx)
	return out.Bytes(), err
}

// Exec replaces the calling process by the program; it returns only when
// that could not be done. Stdin, Stdout, Stderr and Files are ignored.
// Source: execve(2).
func (c Command) Exec() error {
	path, err := exec.LookPath(c.Path)
	if err != nil {
		return &CommandError{Name: c.Name, Argv: c.argv(), Status: -1, Err: err}
	}
	if c.Dir != "" {
		if err := os.Chdir(c.Dir); err != nil {
			return &CommandError{Name: c.Name, Argv: c.argv(), Status: -1, Err: err}
		}
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	return &CommandError{Name: c.Name, Argv: c.argv(), Status: -1, Err: syscall.Exec(path, c.argv(), env)}
}

func (c Command) argv() []string { return append([]string{c.Path}, c.Args...) }

func (c Command) cmd(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.ExtraFiles = c.Env, c.Dir, c.Stdin, c.Files
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	if c.End != nil {
		cmd.Cancel = func() error { return c.End(cmd.Process.Pid) }
	}
	return cmd
}

func (c Command) failure(ctx context.Context, err error, stderr string) error {
	status := -1
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	}
	if ctx.Err() != nil {
		err = message.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return &CommandError{Name: c.Name, Argv: c.argv(), Status: status, Stderr: stderr, Err: err}
}

// LookPath finds a program in PATH. Source: execvp(3).
func LookPath(name string) (string, error) { return exec.LookPath(name) }

// A tailBuffer keeps the last stderrTail bytes written to it.
type tailBuffer struct{ data []byte }

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	if over := len(b.data) - stderrTail; over > 0 {
		b.data = b.data[over:]
	}
	return len(p), nil
}

func (b *tailBuffer) String() string { return string(b.data) }
