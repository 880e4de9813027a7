package gate

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// drainTimeout is how long root goes on reading when the program has ended, for
// what it has left behind may hold its output open for ever.
const drainTimeout = time.Second

// A stream carries what the program prints.
type stream struct {
	from *os.File // a pipe, or the master of a pseudo-terminal
	to   io.Writer
	keep bool          // what the writer takes no more is dropped, and the program goes on
	done chan struct{} // closed when all is carried
	err  error         // of the writer; once done
}

// carry begins to carry. failed is told when the writer takes no more, and the
// program finds its output closed.
func carry(from *os.File, to io.Writer, keep bool, failed chan<- struct{}) *stream {
	s := &stream{from: from, to: to, keep: keep, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = s.run()
		if text, ok := to.(*Text); ok && s.err == nil {
			s.err = text.Close()
		}
		if s.err != nil && !keep {
			from.Close() //nolint:errcheck // the cause is told
			failed <- struct{}{}
		}
	}()
	return s
}

func (s *stream) run() (fault error) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := s.from.Read(buffer)
		if fault == nil && n > 0 {
			_, fault = s.to.Write(buffer[:n])
		}
		switch {
		case fault != nil && !s.keep:
			return fault
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errors.Join(fault, s.last())
		case err != nil: // the far side is closed: EOF of a pipe, EIO of a terminal
			return fault
		}
	}
}

// maxLast is how much may be there when time is over: what a pipe holds at most.
// Source: pipe(7), /proc/sys/fs/pipe-max-size.
const maxLast = 1 << 20

// last carries what is there when time is over: a slow writer may have kept it
// waiting, or a busy machine. It reads until there is nothing more: of a terminal the
// kernel counts only what it has handed on already, and a read has it hand on the rest.
// Source: Linux, drivers/tty/n_tty.c, n_tty_read.
func (s *stream) last() error {
	buffer := make([]byte, 32<<10)
	for carried := 0; carried < maxLast; {
		var n int
		err := control(s.from, func(fd int) (err error) {
			n, err = unix.Read(fd, buffer)
			return err
		})
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 {
			return nil //nolint:nilerr // there is no more, or it is closed
		}
		if _, err := s.to.Write(buffer[:n]); err != nil {
			return err
		}
		carried += n
	}
	return nil
}

// finish waits until what the program has printed is carried. hurry says that
// the writer is not waited for.
func (s *stream) finish(hurry bool) error {
	s.from.SetReadDeadline(time.Now().Add(drainTimeout)) //nolint:errcheck // pipes and terminals have one
	var late <-chan time.Time
	if hurry {
		late = time.After(2 * drainTimeout)
	}
	select {
	case <-s.done:
		return s.err
	case <-late:
		return nil
	}
}
