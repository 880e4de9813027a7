package host

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// ErrCallerEnded is the cause of a context whose caller has ended.
var ErrCallerEnded = message.New("the run that requested it has ended")

// FollowCaller returns a context that ends when the process that has started
// this one, with that process id, has ended, even by SIGKILL. Its cause is
// ErrCallerEnded. What still runs of this process's group then has killDelay to
// end, before all of it is killed. The caller is watched, and not a pipe from
// it, for a descriptor of a pipe can be inherited by others.
// Source: pidfd_open(2), since Linux 5.3; kill(2).
func FollowCaller(ctx context.Context, pid int) (followed context.Context, err error) {
	handle, err := unix.PidfdOpen(pid, 0)
	if err == nil && os.Getppid() != pid {
		err = ErrCallerEnded // the number may be another process's by now
	}
	if err != nil {
		return nil, message.Errorf("watching process %d: %w", pid, err)
	}
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE) // who reads the output may end first, and this process with the next line
	followed, cancel := context.WithCancelCause(ctx)
	go func() {
		for ctx.Err() == nil {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, -1)
			if n > 0 || (err != nil && !errors.Is(err, unix.EINTR)) {
				cancel(ErrCallerEnded)
				time.Sleep(killDelay)
				KillGroup()
			}
		}
	}()
	return followed, nil
}

// KillGroup kills this process and all others of its group, when the group is
// its own. Source: kill(2), "If pid equals 0".
func KillGroup() {
	if unix.Getpgrp() == os.Getpid() {
		unix.Kill(0, unix.SIGKILL) //nolint:errcheck // it ends this process
	}
}
