package gate

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// firstFile is the descriptor behind the standard ones.
const firstFile = 3

// Enter is what the keeper does at the gate: it gives up all that is root's and
// becomes the program. It returns only when that failed.
func Enter(argv []string) error {
	e, err := parseEntry(argv)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // a session keyring is a thread's until execve
	unix.Umask(0o022)
	if err := errors.Join(closeFrom(firstFile+e.Files), keepFromTyping(), newKeyring(), e.User.become()); err != nil {
		return message.Errorf("changing user: %w", err)
	}
	return message.Errorf("running %q: %w", e.Path, syscall.Exec(e.Path, e.Argv, os.Environ()))
}

// closeFrom lets no descriptor from that one on through execve, not even one
// that root's own parent has handed down. Source: proc(5), /proc/pid/fd.
func closeFrom(first int) error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return message.Errorf("listing the open files: %w", err)
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// newKeyring puts a new session keyring in the place of root's. It is root's, so
// that the user's quota of keys can't forbid it; the user has nothing but what
// it puts there. That it can't be made is a fault only where keys can be read.
// Source: keyctl(2), KEYCTL_JOIN_SESSION_KEYRING; keyrings(7).
func newKeyring() error {
	_, _, errno := unix.Syscall(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0) // 0: one without a name
	if errno == 0 {
		return nil
	}
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false); err != nil {
		return nil //nolint:nilerr // the kernel has no keys, or hides them from all
	}
	return message.Errorf("creating a session keyring: %w", errno)
}

// become takes the user's ids for good; the capabilities go with root's.
// Source: setresuid(2); capabilities(7).
func (u User) become() error {
	uid, gid := int(u.UID), int(u.GID)
	if err := syscall.Setgroups(nil); err != nil {
		return message.Errorf("dropping groups: %w", err)
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return message.Errorf("changing to group %d: %w", gid, err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return message.Errorf("changing to user %d: %w", uid, err)
	}
	return nil
}
