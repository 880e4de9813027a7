package gate

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// A keyboard is root's terminal, as far as its input and settings go. What is
// typed goes to the program while root's job has the terminal and the program
// runs; nothing is read beyond that.
type keyboard struct {
	file *os.File
	raw  bool // each key goes to the program, for that has a terminal of its own

	mu     sync.Mutex
	before *term.State // while the terminal is raw: how it was
	held   bool        // it has to stay as it was

	wake, asleep *os.File // a pipe: a byte has carry look again, its closed end ends it
	done         chan struct{}
}

// newKeyboard begins to carry what is typed. At the end of input the writer is
// closed, unless it is a terminal, which has other keys for that.
func newKeyboard(file *os.File, raw bool, to io.WriteCloser) (k *keyboard, err error) {
	k = &keyboard{file: file, raw: raw, done: make(chan struct{})}
	if k.asleep, k.wake, err = os.Pipe(); err != nil {
		return nil, err
	}
	k.enter()
	go func() {
		defer close(k.done)
		defer k.leaveOnPanic()
		if k.carry(to); !raw {
			to.Close() //nolint:errcheck // a pipe
		}
	}()
	return k, nil
}

// foreground reports whether root's job has the terminal.
// Source: tcgetpgrp(3).
func (k *keyboard) foreground() bool {
	group, err := unix.IoctlGetInt(int(k.file.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// enter makes the terminal raw, where it is ours to do, and reports whether root's
// job has it. A terminal of another job is as that one wants it. Source:
// termios(3), "Raw mode".
func (k *keyboard) enter() (front bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held {
		return false
	}
	if !k.foreground() {
		k.before = nil
		return false
	}
	if !k.raw || k.before != nil {
		return true
	}
	if before, err := term.MakeRaw(int(k.file.Fd())); err == nil {
		k.before = before
	}
	return true
}

// leave gives the terminal back as it was.
func (k *keyboard) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.restore()
}

// restore does so, with the lock held.
func (k *keyboard) restore() {
	if k.before != nil && k.foreground() {
		term.Restore(int(k.file.Fd()), k.before) //nolint:errcheck // it has hung up
	}
	k.before = nil
}

// leaveOnPanic is leave for a program that is about to end with a stack.
func (k *keyboard) leaveOnPanic() {
	if cause := recover(); cause != nil {
		k.leave()
		panic(cause)
	}
}

// hold gives the terminal back until release.
func (k *keyboard) hold() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = true
	k.restore()
}

func (k *keyboard) release() {
	k.mu.Lock()
	k.held = false
	k.mu.Unlock()
	k.lookAgain()
}

// lookAgain has carry find out whether root's job has the terminal. A job that a
// shell lets go on in the background may be waiting for keys as one that has it: a
// shell that later puts it into the foreground tells it nothing, for it runs.
func (k *keyboard) lookAgain() {
	k.enter()
	k.wake.Write([]byte{0}) //nolint:errcheck // when nobody reads, nobody waits
}

// close ends the reading, and gives the terminal back.
func (k *keyboard) close() {
	k.stop()
	k.leave()
}

// stop ends the reading. A program that takes nothing does not keep it.
func (k *keyboard) stop() {
	k.wake.Close() //nolint:errcheck // closed twice does no harm
	select {
	case <-k.done:
	case <-time.After(drainTimeout):
	}
}

// jobInterval is how long a job in the background waits before it looks again
// whether it has the terminal.
const jobInterval = 200 * time.Millisecond

func (k *keyboard) carry(to io.Writer) {
	buffer := make([]byte, 4<<10)
	for k.await(k.enter()) {
		n, err := k.read(buffer)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case n <= 0:
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// await waits for something to be typed, or to be told to look again, or in the
// background for a moment. It reports false when the reading is to end.
func (k *keyboard) await(front bool) bool {
	fds := []unix.PollFd{{Fd: int32(k.asleep.Fd()), Events: unix.POLLIN}, {Fd: int32(k.file.Fd()), Events: unix.POLLIN}}
	timeout := -1
	if !front {
		fds, timeout = fds[:1], int(jobInterval.Milliseconds())
	}
	_, err := unix.Poll(fds, timeout)
	if err == nil && fds[0].Revents != 0 {
		n, err := unix.Read(int(k.asleep.Fd()), make([]byte, 1))
		return n > 0 || errors.Is(err, unix.EINTR)
	}
	return err == nil || errors.Is(err, unix.EINTR)
}

// read takes what is typed, and waits for nothing: EAGAIN says that there is
// nothing for us. What has been typed may be gone by now, for it was a shell's; and
// while we read no shell takes the terminal, for this job would have to stop.
func (k *keyboard) read(buffer []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held || !k.foreground() {
		return 0, unix.EAGAIN
	}
	fds := []unix.PollFd{{Fd: int32(k.file.Fd()), Events: unix.POLLIN}}
	if there, err := unix.Poll(fds, 0); there == 0 || err != nil {
		return 0, errors.Join(unix.EAGAIN, err)
	}
	return unix.Read(int(k.file.Fd()), buffer)
}
