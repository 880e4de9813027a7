package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stderrTail is how many bytes of a failed program's error output are kept.
const stderrTail = 16 << 10

// killDelay is how long a program may take to end after its context did.
const killDelay = 10 * time.Second

// A Command is a program to run and what it is given. No secret belongs in
// Args: every process of the machine can read them.
type Command struct {
	Name   string      // how errors call it; empty means its quoted argv
	Path   string      // a path, or a name looked up in PATH
	Args   []string    // without argv[0]
	Env    []string    // KEY=VALUE; nil means the caller's environment
	Dir    string      // working folder; empty means the caller's
	Stdin  io.Reader   // nil means no input
	Stdout io.Writer   // nil means it is dropped
	Stderr io.Writer   // nil means only its end is kept, for the error
	Files  []*os.File  // handed over as descriptors 3, 4, …
	As     *Credential // nil means the caller's own ids

	// Started is told the program's process id before the program is given any
	// input. A fault of it ends the program. Nil means that nobody is told.
	Started func(pid int) error

	// End asks the program, with that process id, to end when the context has.
	// Nil means SIGTERM.
	End func(pid int) error
}

// A Credential is the user that a program runs as. Supplementary groups
// are dropped.
type Credential struct {
	UID, GID uint32
}

// A CommandError is a program that could not be run or ended with a fault.
type CommandError struct {
	Name   string // of the command; may be empty
	Argv   []string
	Status int    // exit status; -1 when it did not start or a signal ended it
	Stderr string // the end of its error output
	Err    error
}

// Error gives the name or the quoted argv, how it ended, and what it said of
// that.
func (e *CommandError) Error() string {
	text := fmt.Sprintf("%s: %v", e.Name, e.Err)
	if e.Name == "" {
		text = fmt.Sprintf("running %q: %v", e.Argv, e.Err)
	}
	return joined(text, LastError(e.Stderr))
}

// Unwrap gives the cause.
func (e *CommandError) Unwrap() error { return e.Err }

// Run runs the program to its end. A fault is a *CommandError. A program of
// another user has no terminal of its own, so an interrupt at the caller's is
// passed on to it, and to what it has started.
func (c Command) Run(ctx context.Context) error {
	if c.As != nil {
		var stop func()
		ctx, stop = CatchInterrupts(ctx)
		defer stop()
	}
	var tail tailBuffer
	cmd := c.cmd(ctx)
	cmd.Stdout = c.Stdout
	cmd.Stderr = io.Writer(&tail)
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(c.Stderr, &tail)
	}
	if err := c.runTold(cmd); err != nil {
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
// Source: execve(2), setresuid(2).
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
	if c.As != nil {
		if err := errors.Join(guardTerminal(), c.As.become()); err != nil {
			return &CommandError{Name: c.Name, Argv: c.argv(), Status: -1, Err: err}
		}
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	return &CommandError{Name: c.Name, Argv: c.argv(), Status: -1, Err: syscall.Exec(path, c.argv(), env)}
}

// become gives up the caller's ids for good.
func (c *Credential) become() error {
	uid, gid := int(c.UID), int(c.GID)
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return fmt.Errorf("dropping groups: %w", err)
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return fmt.Errorf("changing to group %d: %w", gid, err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("changing to user %d: %w", uid, err)
	}
	return nil
}

func (c Command) argv() []string { return append([]string{c.Path}, c.Args...) }

func (c Command) cmd(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.ExtraFiles = c.Env, c.Dir, c.Stdin, c.Files
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	if c.As != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: c.As.UID, Gid: c.As.GID, Groups: []uint32{c.As.GID}},
			Setsid:     true, // it can't type into the caller's terminal then
		}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	}
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
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
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
