package host

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// ExecLogged is Exec of a program whose output another program reads: the
// reader, which is started first, has the program's standard output as its
// standard input and the standard error as descriptor 3. Both end when the
// program and all that it started have ended. The reader keeps the caller's
// own standard output and error, and becomes a child of the program.
// Source: pipe(7), execve(2).
func (c Command) ExecLogged(reader Command) error {
	var out, errs [2]int
	for _, ends := range []*[2]int{&out, &errs} {
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			return message.Errorf("creating a pipe for the output of %q: %w", c.Path, err)
		}
	}
	stdout, stderr := os.NewFile(uintptr(out[0]), "stdout"), os.NewFile(uintptr(errs[0]), "stderr")
	cmd := reader.cmd(context.Background())
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = stdout, os.Stdout, os.Stderr, []*os.File{stderr}
	if err := cmd.Start(); err != nil {
		return &CommandError{Argv: reader.argv(), Status: -1, Err: err}
	}
	if err := errors.Join(unix.Dup3(out[1], unix.Stdout, 0), unix.Dup3(errs[1], unix.Stderr, 0)); err != nil {
		return message.Errorf("redirecting the output of %q: %w", c.Path, err)
	}
	return c.Exec()
}
