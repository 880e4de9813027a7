package gate

import (
	"context"
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Interact runs the program for somebody who may type to it, with root's own
// standard input and output behind pipes. When both are a terminal the program
// has a pseudo-terminal of its own, and job control, window size and signals are
// as they would be without the gate. It returns the program's exit status; 128+n
// when signal n ended it. Source: pty(7); credentials(7).
func (c Call) Interact(ctx context.Context, in, out, errOut *os.File) (status int, err error) {
	s := &session{call: c, in: in, stdout: out, terminal: isTerminal(in) && isTerminal(out)}
	if s.terminal {
		err = s.openTerminal(isTerminal(errOut))
	} else {
		s.ends, err = newPipes()
	}
	if err != nil {
		return 1, err
	}
	defer s.ends.close()
	if s.process, err = c.start(s.ends.theirs[0], s.ends.theirs[1], s.ends.theirs[2], s.terminal); err != nil {
		return 1, err
	}
	defer s.giveBack()
	if err := s.feed(); err != nil {
		s.process.end(0)
		return 1, err
	}
	s.ends.hand()
	failed := make(chan struct{}, 2)
	streams := []*stream{carry(s.ends.out, out, false, failed)}
	if s.ends.err != nil {
		streams = append(streams, carry(s.ends.err, errOut, false, failed))
	}
	left := s.run(ctx)
	s.stopInput()
	for _, stream := range streams {
		err = errors.Join(err, stream.finish(left))
	}
	if err != nil {
		err = message.Errorf("writing the output of %s: %w", c.Name, err)
	}
	return s.status, err
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// A session is one program with somebody before it.
type session struct {
	call       Call
	in, stdout *os.File // root's
	terminal   bool     // the program has one
	ends       *ends
	process    *process
	status     int

	keyboard *keyboard // nil when nobody types
	input    *feed     // nil when somebody does
}

// openTerminal makes a terminal that is like root's.
func (s *session) openTerminal(withErr bool) (err error) {
	if s.ends, err = newTerminal(withErr); err != nil {
		return err
	}
	settings, err := unix.IoctlGetTermios(int(s.in.Fd()), unix.TCGETS)
	if err == nil {
		err = unix.IoctlSetTermios(int(s.ends.theirs[0].Fd()), unix.TCSETS, settings)
	}
	if err == nil {
		err = s.resize()
	}
	if err != nil {
		s.ends.close()
		return message.Errorf("creating a pseudo-terminal: %w", err)
	}
	return nil
}

// resize gives the program's terminal the size of root's.
func (s *session) resize() error {
	if !s.terminal {
		return nil
	}
	return copySize(s.in, s.ends.in)
}

// feed begins to carry the standard input. To a job in the background a terminal
// does nothing from here on but to stay as it is.
func (s *session) feed() (err error) {
	if !isTerminal(s.in) {
		s.input = newFeed(s.in, s.ends.in, s.ends.theirs[0])
		return nil
	}
	signal.Ignore(unix.SIGTTIN, unix.SIGTTOU)
	s.keyboard, err = newKeyboard(s.in, s.terminal, s.ends.in)
	return err
}

func (s *session) stopInput() {
	if s.keyboard != nil {
		s.keyboard.stop()
	} else {
		s.input.stop()
	}
}

func (s *session) giveBack() {
	if s.keyboard != nil {
		s.keyboard.close()
	}
}

// run waits for the end of the program, or for root to be told to leave. left
// says that nobody waits for the output.
func (s *session) run(ctx context.Context) (left bool) {
	signals, resumed := make(chan os.Signal, 16), make(chan os.Signal, 1)
	signal.Notify(signals, append(passedOn(), unix.SIGTSTP, unix.SIGWINCH)...)
	signal.Notify(resumed, unix.SIGCONT)
	defer signal.Stop(signals)
	defer signal.Stop(resumed)
	p := s.process
	for {
		select {
		case <-p.changed:
			switch p.look() {
			case stopped:
				s.suspend(resumed)
			case ended:
				s.status = p.status
				return false
			case running:
			}
		case <-resumed: // somebody else had stopped it
			if s.keyboard != nil {
				s.keyboard.lookAgain()
			}
		case n := <-signals:
			if s.pass(number(n)) {
				s.status = signalled + int(number(n))
				return true
			}
		case <-ctx.Done():
			p.end(patience)
			s.status = p.status
			return true
		}
	}
}

// pass deals with a signal; left says that root's terminal is gone, and root
// with it.
func (s *session) pass(n unix.Signal) (left bool) {
	switch n {
	case unix.SIGWINCH:
		s.resize() //nolint:errcheck // it stays as it was
	case unix.SIGTSTP:
		if !s.terminal {
			n = unix.SIGSTOP // nobody attends to it there: it would not stop
		}
		s.process.signal(n)
	default:
		s.process.signal(n)
	}
	return n == unix.SIGHUP
}

// suspend stops root's job, as the program has stopped: whoever has started it
// gets the terminal. Where nobody could ever let the job go on, it does not stop.
func (s *session) suspend(resumed <-chan os.Signal) {
	job := os.Getpid()
	if s.keyboard != nil {
		s.keyboard.hold()
		defer s.keyboard.release()
	}
	if s.terminal {
		job = 0 // all of it: the terminal's key has reached the program alone
	}
	stopBy(job, resumed)
	s.resize() //nolint:errcheck // it stays as it was
	s.process.signal(unix.SIGCONT)
}
