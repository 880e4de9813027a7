package host

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// TransactionLock is the file that rpm, and all that use its library, lock
// while they change the installed packages.
// Source: rpm's lib/rpmts.c, rpmtsAcquireLock; its macro _rpmlock_path.
const TransactionLock = "/var/lib/rpm/.rpm.lock"

// Transaction reports whether packages are being installed, updated or removed.
// It asks only, and takes no lock. Source: fcntl(2), "F_GETLK".
func (h *Host) Transaction() (bool, error) {
	file, err := os.Open(h.path(TransactionLock))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, message.Errorf("checking for package updates in progress: %w", err)
	}
	defer file.Close()                                             //nolint:errcheck // it was only asked
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart} // a reader: only who changes packages is in its way
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil {
		return false, message.Errorf("checking for package updates in progress: %w", err)
	}
	return lock.Type != unix.F_UNLCK, nil
}

// transactionInterval is how often it is looked whether a transaction has ended.
const transactionInterval = 500 * time.Millisecond

// AwaitTransaction waits until no packages are being changed.
func (h *Host) AwaitTransaction(ctx context.Context) error {
	for {
		if busy, err := h.Transaction(); err != nil || !busy {
			return err
		}
		select {
		case <-ctx.Done():
			return message.Errorf("waiting for the package manager: %w", context.Cause(ctx))
		case <-time.After(transactionInterval):
		}
	}
}
