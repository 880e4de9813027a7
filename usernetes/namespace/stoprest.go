package namespace

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// killWait is how long what was killed may take to be gone.
const killWait = time.Second

// StopRest ends what a service has left in its control group, once its program
// has ended: containers that have none of their own. What has not ended after
// so many seconds is killed. Source: systemd.service(5), "ExecStop=";
// systemd.kill(5); systemd's naming of the group of control processes.
func StopRest(ctx context.Context, seconds string) error {
	limit, err := strconv.Atoi(seconds)
	if err != nil {
		return message.Errorf("reading the time-out: %w", err)
	}
	data, err := host.ReadFile("/proc/self/cgroup")
	if err != nil {
		return message.Errorf("finding the service's control group: %w", err)
	}
	group := filepath.Join("/sys/fs/cgroup", unitGroup(string(data)))
	for _, step := range []struct {
		signal  unix.Signal
		timeout time.Duration
	}{{unix.SIGTERM, time.Duration(limit) * time.Second}, {unix.SIGKILL, killWait}} {
		left, err := signalGroup(group, step.signal)
		if err != nil || left == 0 {
			return err
		}
		gone := func() error {
			left, err := signalGroup(group, 0)
			if err == nil && left > 0 {
				err = errNotEnded
			}
			return err
		}
		if err := wait.Until(ctx, step.timeout, gone); !errors.Is(err, errNotEnded) {
			return err
		}
		slog.Warn("processes have not ended", "signal", step.signal, "waited", step.timeout)
	}
	return errNotEnded
}

var errNotEnded = message.New("a process has not ended")

// unitGroup returns the control group of a service, by that of one of its
// control processes. Source: cgroups(7), "/proc/[pid]/cgroup".
func unitGroup(cgroups string) string {
	for line := range strings.Lines(cgroups) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
			return strings.TrimSuffix(path, controlGroup)
		}
	}
	return ""
}

const controlGroup = "/.control"

// signalGroup sends a signal to every process of a control group and of those
// below it, but to the control processes, and returns how many there are.
func signalGroup(group string, signal unix.Signal) (count int, err error) {
	err = filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has gone meanwhile
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		if "/"+entry.Name() == controlGroup {
			return fs.SkipDir
		}
		data, err := host.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			return nil // a group of threads, or one that has gone
		}
		for id := range strings.FieldsSeq(string(data)) {
			pid, err := strconv.Atoi(id)
			if err != nil || pid <= 0 || pid == os.Getpid() {
				continue
			}
			if err := unix.Kill(pid, signal); !errors.Is(err, unix.ESRCH) {
				count++
			}
		}
		return nil
	})
	return count, err
}
