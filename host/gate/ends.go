package gate

import (
	"errors"
	"os"

	"github.com/alt-cloud/podsec-k8s/message"
)

// ends are the standard descriptors of a program, and root's ends of them.
type ends struct {
	in, out, err *os.File    // root's; in and out are one for a terminal, err is nil where the terminal has it
	theirs       [3]*os.File // the program's
}

// newPipes makes a pipe for each.
func newPipes() (e *ends, err error) {
	e = &ends{}
	var faults [3]error
	e.theirs[0], e.in, faults[0] = os.Pipe()
	e.out, e.theirs[1], faults[1] = os.Pipe()
	e.err, e.theirs[2], faults[2] = os.Pipe()
	if err := errors.Join(faults[:]...); err != nil {
		e.close()
		return nil, message.Errorf("creating pipes: %w", err)
	}
	return e, nil
}

// newTerminal makes a pseudo-terminal, and a pipe for the standard error unless
// the terminal is to have that, too. Source: pty(7).
func newTerminal(withErr bool) (e *ends, err error) {
	master, slave, err := openPTY()
	if err != nil {
		return nil, message.Errorf("creating a pseudo-terminal: %w", err)
	}
	e = &ends{in: master, out: master, theirs: [3]*os.File{slave, slave, slave}}
	if withErr {
		return e, nil
	}
	if e.err, e.theirs[2], err = os.Pipe(); err != nil {
		e.theirs[2] = nil
		e.close()
		return nil, message.Errorf("creating a pipe: %w", err)
	}
	return e, nil
}

// hand closes the program's ends, which it has by now.
func (e *ends) hand() {
	for _, file := range e.theirs {
		file.Close() //nolint:errcheck // handed over, or not needed
	}
}

// close lets go of all. To what has stayed behind a terminal of ours is hung up
// then, and a pipe broken.
func (e *ends) close() {
	e.hand()
	for _, file := range []*os.File{e.in, e.out, e.err} {
		file.Close() //nolint:errcheck // nothing is written any more; nil has no file
	}
}
