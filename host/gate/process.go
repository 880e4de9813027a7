package gate

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// A state is what a process is doing.
type state int

const (
	running state = iota
	stopped
	ended
)

// signalled is what a shell adds to the number of a signal that ended a program.
const signalled = 128

// A process is one that this one has started; it leads its process group. Only
// look reaps it, so a signal never meets another process of the same id.
type process struct {
	pid     int
	changed chan struct{} // it has stopped or ended: look
	looked  chan struct{}
	gone    bool // it has ended
	killed  bool // it was told to
	status  int  // its exit status once it has ended; 128+n when signal n ended it
}

func watch(pid int) *process {
	p := &process{pid: pid, changed: make(chan struct{}), looked: make(chan struct{})}
	go p.wait()
	return p
}

// wait tells of each change. Source: waitid(2), WNOWAIT.
func (p *process) wait() {
	for more := true; more; _, more = <-p.looked {
		for errors.Is(unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil), unix.EINTR) {
		}
		p.changed <- struct{}{}
	}
}

// look takes note of what has changed.
func (p *process) look() state {
	var s unix.WaitStatus
	pid, err := unix.Wait4(p.pid, &s, unix.WUNTRACED|unix.WNOHANG, nil)
	switch {
	case err == nil && (pid == 0 || s.Stopped()):
		p.looked <- struct{}{}
		if pid == 0 {
			return running
		}
		return stopped
	case err == nil && s.Signaled():
		p.status = signalled + int(s.Signal())
	case err == nil:
		p.status = s.ExitStatus()
	default:
		p.status = signalled + int(unix.SIGKILL) // nobody knows how it ended
	}
	p.gone = true
	close(p.looked)
	return ended
}

// signal sends a signal to the process and to those of its group.
func (p *process) signal(s unix.Signal) {
	if p.gone {
		return
	}
	unix.Kill(-p.pid, s) //nolint:errcheck // that they have ended is told otherwise
	if s == unix.SIGKILL {
		unix.Kill(p.pid, s) //nolint:errcheck // it may have left its group
	}
}

// How long a program may take to end when it is told to, and how long one that
// is killed may hang in the kernel before nobody waits for it any more.
const (
	endTimeout  = 2 * time.Second
	killTimeout = 3 * time.Second
)

// end has the process end within a grace, and kills it after that.
func (p *process) end(grace time.Duration) {
	p.signal(unix.SIGTERM)
	p.signal(unix.SIGCONT)
	if p.endsWithin(grace) {
		return
	}
	p.signal(unix.SIGKILL)
	p.endsWithin(killTimeout)
}

func (p *process) endsWithin(timeout time.Duration) bool {
	late := time.After(timeout)
	for !p.gone {
		select {
		case <-p.changed:
			p.look()
		case <-late:
			return false
		}
	}
	return true
}

// await waits for the end of the process, and ends it when the context ends or
// something else has failed.
func (p *process) await(ctx context.Context, failed <-chan struct{}, grace time.Duration) {
	for !p.gone {
		select {
		case <-p.changed:
			p.look()
			continue
		case <-ctx.Done():
		case <-failed:
		}
		p.killed = true
		p.end(grace)
		return
	}
}
