package namespace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// StopProgram is what the services in the node stop by. Their main process
// is nsenter, which a signal would end before the program behind it, and
// systemd would then kill that. So the signal goes to the program, and
// nsenter ends with it. There is nothing to do when the program has ended
// by itself. One that has not ended after so many seconds is killed: systemd
// would do that too, and call it a failure of the service.
// Source: nsenter(1); systemd.service(5), "ExecStop=".
func StopProgram(ctx context.Context, seconds string) error {
	limit, err := strconv.Atoi(seconds)
	if err != nil {
		return message.Errorf("reading the time-out: %w", err)
	}
	pid, err := strconv.Atoi(os.Getenv("MAINPID"))
	if err != nil {
		return nil
	}
	handle, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return message.Errorf("watching process %d: %w", pid, err)
	}
	defer unix.Close(handle) //nolint:errcheck // the process ends with it
	if err := signalProgram(pid, unix.SIGTERM); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, time.Duration(limit)*time.Second)
	defer cancel()
	err = waitEnd(waiting, handle)
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	slog.Warn("killing what has not ended", "process", pid, "waited", limit)
	if err := signalProgram(pid, unix.SIGKILL); err != nil {
		return err
	}
	return waitEnd(ctx, handle)
}

// signalProgram sends a signal to the program behind nsenter.
func signalProgram(pid int, signal unix.Signal) error {
	for _, child := range children(pid) {
		if carriesLog(child) {
			continue // the program's last lines are still to come; it ends after them
		}
		if err := unix.Kill(child, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return message.Errorf("stopping process %d: %w", child, err)
		}
	}
	return nil
}

// children lists the processes that a process has started.
// Source: proc(5), /proc/pid/task/tid/children.
func children(pid int) []int {
	data, err := host.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var all []int
	for field := range strings.FieldsSeq(string(data)) {
		if child, err := strconv.Atoi(field); err == nil {
			all = append(all, child)
		}
	}
	return all
}

// carriesLog reports whether a process is the one that runComponent starts
// for the program's output. Source: proc(5), /proc/pid/cmdline.
func carriesLog(pid int) bool {
	data, err := host.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	words := strings.Split(string(data), "\x00")
	return err == nil && len(words) > 2 && words[0] == node.Self && words[1] == "unit" && words[2] == "log"
}

// waitEnd waits until a process has ended, or systemd's patience has.
// Source: pidfd_open(2), "poll".
func waitEnd(ctx context.Context, handle int) error {
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, 200)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return message.Errorf("waiting for the program to end: %w", err)
		}
	}
	return ctx.Err()
}
