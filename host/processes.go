package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// String names it.
func (p Process) String() string { return fmt.Sprintf("%d (%s)", p.PID, p.Name) }

// Bounds for the end of processes: how long it may take, and how often it is
// looked for more. A process that dies gives its number back a little later.
const (
	killTimeout  = 15 * time.Second
	killInterval = 20 * time.Millisecond
)

// killUsers ends every process that runs under an id of ours, in whatever
// cgroup and namespaces it is, and returns those that stay. What forks quickly
// is killed quicker: its newest processes have the highest numbers, which are
// looked at last, and this runs before all others where the kernel lets it.
// Source: proc(5); getdents of /proc goes by number; sched(7), "SCHED_FIFO".
func killUsers(ctx context.Context, ours func(uid uint32) bool) ([]Process, error) {
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	type result struct {
		left []Process
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // the thread ends with its priority
		hurry := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
		_ = unix.SchedSetAttr(0, &hurry, 0) // without it, it takes longer
		left, err := killUntilGone(ctx, ours)
		done <- result{left, err}
	}()
	r := <-done
	return r.left, r.err
}

// killUntilGone kills until two looks in a row find nothing.
func killUntilGone(ctx context.Context, ours func(uid uint32) bool) ([]Process, error) {
	quiet := 0
	for {
		found, err := killOnce(ours)
		switch {
		case err != nil:
			return nil, err
		case len(found) > 0:
			quiet = 0
		case quiet > 0:
			return nil, nil
		default:
			quiet++
		}
		if ctx.Err() != nil {
			return found, nil
		}
		if len(found) < 50 { // what is left of many is not waited for
			time.Sleep(killInterval)
		}
	}
}

// killOnce looks at every process once, kills those of ours, and returns them.
func killOnce(ours func(uid uint32) bool) (found []Process, err error) {
	folder, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer folder.Close() //nolint:errcheck // opened for reading
	for {
		names, err := folder.Readdirnames(64) // few, for the newest come while this goes on
		for _, name := range names {
			if pid, err := strconv.Atoi(name); err == nil {
				if p, killed := killOne(pid, ours); killed {
					found = append(found, p)
				}
			}
		}
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, message.Errorf("searching processes: %w", err)
		}
	}
}

// killOne kills a process that is ours. What it is, is looked at after it was
// opened, so the number is that of the process that is killed.
// Source: pidfd_open(2), which os.FindProcess uses.
func killOne(pid int, ours func(uid uint32) bool) (Process, bool) {
	if !isOurs(pid, ours) {
		return Process{}, false
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return Process{}, false
	}
	defer process.Release() //nolint:errcheck // it closes a descriptor
	if !isOurs(pid, ours) {
		return Process{}, false
	}
	_ = process.Kill() // that it is gone is well, and that it stays is seen
	return Process{PID: pid, Name: commandName(pid)}, true
}

// isOurs reports whether the real uid of a process is one of ours. Root's, and
// other users', may have a program or a thread that takes on an id for a while.
// Source: proc(5), "/proc/[pid]/status": real, effective, saved, file system.
func isOurs(pid int, ours func(uid uint32) bool) bool {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return false
	}
	_, line, found := bytes.Cut(status, []byte("\nUid:"))
	if !found {
		return false
	}
	fields := bytes.Fields(line[:min(len(line), 64)])
	if len(fields) == 0 {
		return false
	}
	uid, err := parseID(string(fields[0]))
	return err == nil && ours(uid)
}

// commandName returns what a process calls itself.
func commandName(pid int) string {
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return "?"
	}
	return printable(strings.TrimSuffix(string(name), "\n"), 32)
}

// freeze stops all processes of a user's sessions and services at once, so
// that none of them forks while they are killed; the returned function lets
// go on what was not. Source: the kernel's cgroup-v2.rst, "cgroup.freeze".
func (h *Host) freeze(uid uint32) (thaw func()) {
	file := h.path(fmt.Sprintf("/sys/fs/cgroup/user.slice/user-%d.slice/cgroup.freeze", uid))
	if os.WriteFile(file, []byte("1"), 0) != nil {
		return func() {} // there is no such cgroup, or no such kernel
	}
	return func() { _ = os.WriteFile(file, []byte("0"), 0) } // it may be gone
}

// idsToEnd returns which ids nobody may run under any more when a user's record
// is undone: the ranges that are ours, and of a user that was made here all that
// is its own; but none that is somebody else's, too.
func (h *Host) idsToEnd(u User, made bool, ranges []SubIDRange) (func(uid uint32) bool, error) {
	accounts, errAccounts := h.Accounts()
	table, errTable := h.SubIDRanges("/etc/subuid")
	if err := errors.Join(errAccounts, errTable); err != nil {
		return nil, err
	}
	var ours, others []IDRange
	for _, r := range ranges {
		ours = append(ours, IDRange{Start: r.UIDStart, Count: r.Count})
	}
	if made {
		ours = append(ours, IDRange{Start: uint64(u.UID), Count: 1})
	}
	for _, a := range accounts {
		if a.Name != u.Name {
			others = append(others, IDRange{Start: uint64(a.UID), Count: 1})
		}
	}
	for _, r := range table {
		switch of := r.Of(u.Name, u.UID); {
		case of && made:
			ours = append(ours, r)
		case !of:
			others = append(others, r)
		}
	}
	return func(uid uint32) bool {
		has := func(r IDRange) bool { return uint64(uid) >= r.Start && uint64(uid) < r.end() }
		return uid != 0 && slices.ContainsFunc(ours, has) && !slices.ContainsFunc(others, has)
	}, nil
}
