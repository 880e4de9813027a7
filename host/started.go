package host

import (
	"io"
	"os/exec"
)

// runTold runs a program to its end. Started is told of it before the program
// is given any input.
func (c Command) runTold(cmd *exec.Cmd) error {
	if c.Started == nil {
		return cmd.Run()
	}
	input := &heldReader{from: c.Stdin, open: make(chan struct{})}
	if c.Stdin != nil {
		cmd.Stdin = input
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	fault := c.Started(cmd.Process.Pid)
	if fault != nil {
		cmd.Process.Kill() //nolint:errcheck // it has ended then, which Wait reports
	}
	close(input.open)
	if err := cmd.Wait(); fault == nil {
		return err
	}
	return fault
}

// A heldReader reads nothing before open is closed.
type heldReader struct {
	from io.Reader
	open chan struct{}
}

func (r *heldReader) Read(p []byte) (int, error) {
	<-r.open
	return r.from.Read(p)
}
