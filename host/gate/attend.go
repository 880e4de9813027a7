package gate

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Attend runs a program in the foreground of the terminal that is its standard
// input, as the user, and stays beside it as a shell does: a terminal's stop key
// stops only programs that somebody of their session attends to. When the
// program stops, so does this process, for root to see. It returns the program's
// exit status. Source: setpgid(2), "orphaned process group"; termios(3), VSUSP.
func Attend(argv []string) (status int, err error) {
	if len(argv) < 2 {
		return 1, message.New("terminal session: not called by podsec-k8s")
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, append(passedOn(), unix.SIGTSTP, unix.SIGCONT)...)
	cmd := exec.Cmd{
		Path: argv[1], Args: argv[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: int(os.Stdin.Fd())},
	}
	if err := cmd.Start(); err != nil {
		return 1, message.Errorf("running %q: %w", argv[1], err)
	}
	p := watch(cmd.Process.Pid)
	for {
		select {
		case s := <-signals:
			p.signal(number(s))
		case <-p.changed:
			switch p.look() {
			case stopped:
				if err := unix.Kill(os.Getpid(), unix.SIGSTOP); err != nil {
					return 1, err
				}
			case ended:
				return p.status, nil
			case running:
			}
		}
	}
}

// passedOn lists the signals that are the program's, not ours.
func passedOn() []os.Signal {
	return []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2}
}

// number returns a signal's own type.
func number(s os.Signal) unix.Signal {
	n, _ := s.(unix.Signal)
	return n
}
