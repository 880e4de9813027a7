package gate

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// openPTY makes a pseudo-terminal. The slave is opened by the master and not by
// its name, which may be another's by then; reading from the master can have a
// deadline. Source: pty(7); ioctl_tty(2), TIOCSPTLCK and TIOCGPTPEER.
func openPTY() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, message.Errorf("opening /dev/ptmx: %w", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		master.Close() //nolint:errcheck // the cause is told
		return nil, nil, message.Errorf("unlocking a pseudo-terminal: %w", err)
	}
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		master.Close() //nolint:errcheck // the cause is told
		return nil, nil, message.Errorf("opening a pseudo-terminal: %w", errno)
	}
	return master, os.NewFile(peer, "pts"), nil
}

// control calls an ioctl of a file, and leaves its mode as it is: Fd would take
// its deadlines.
func control(file *os.File, call func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var fault error
	if err := raw.Control(func(fd uintptr) { fault = call(int(fd)) }); err != nil {
		return err
	}
	return fault
}

// copySize gives one terminal the size of another. Source: ioctl_tty(2),
// TIOCSWINSZ.
func copySize(from, to *os.File) error {
	return control(from, func(from int) error {
		size, err := unix.IoctlGetWinsize(from, unix.TIOCGWINSZ)
		if err != nil {
			return err
		}
		return control(to, func(to int) error { return unix.IoctlSetWinsize(to, unix.TIOCSWINSZ, size) })
	})
}
