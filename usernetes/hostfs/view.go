package hostfs

import (
	"io/fs"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// A view is the host's files as they are without the node's mounts: a mount
// namespace of one thread, which follows the host's mounts.
//
// In it the node's own folders can be worked on below the mounts in them: a
// mount point that is removed there takes its mounts in all namespaces with
// it. Source: mount_namespaces(7), "rmdir" under NOTES; unshare(2).
type view struct{ work chan func() }

// newView makes a view of what this process sees now.
func newView() (*view, error) {
	v := &view{make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the process
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			ready <- message.Errorf("creating a mount namespace for the host's files: %w", err)
			return
		}
		ready <- nil
		for f := range v.work {
			f()
		}
	}()
	return v, <-ready
}

// do runs a function in the view.
func (v *view) do(f func()) {
	done := make(chan struct{})
	v.work <- func() { defer close(done); f() }
	<-done
}

// changes opens the file that tells of changes to the view's mounts. Each is
// told once to whoever polls first, so it is not an os.File, which the Go
// runtime polls as well. Source: proc(5), /proc/pid/mounts.
func (v *view) changes() (fd int, err error) {
	v.do(func() { fd, err = unix.Open("/proc/thread-self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	return fd, err
}

// tree copies what is mounted at a path of the view and below, attached
// nowhere: all of it, for what a user namespace has from its parent can't be
// taken apart. Source: open_tree(2); mount_namespaces(7), "Restrictions on
// mount namespaces".
func (v *view) tree(path string, follow bool) (fd int, err error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE | unix.AT_NO_AUTOMOUNT)
	if !follow {
		flags |= unix.AT_SYMLINK_NOFOLLOW
	}
	v.do(func() { fd, err = unix.OpenTree(unix.AT_FDCWD, path, flags) })
	if err != nil {
		return -1, message.Errorf("opening the host's %q: %w", path, err)
	}
	return fd, nil
}

// show mounts what the view has at from at a path of the node.
func (v *view) show(from, at string, follow bool) error {
	fd, err := v.tree(from, follow)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // what is mounted stays
	flags := unix.MOVE_MOUNT_F_EMPTY_PATH
	if follow {
		flags |= unix.MOVE_MOUNT_T_SYMLINKS
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, at, flags); err != nil {
		return message.Errorf("mounting the host's %q at %q: %w", from, at, err)
	}
	return nil
}

// place makes a mount point in a base: something empty whose mode is that of
// a stub, or a copy of a link that bears the beginning of time.
func (v *view) place(base, name string, e hostEntry) (err error) {
	path := filepath.Join(base, name)
	v.do(func() {
		switch e.kind {
		case folder:
			err = host.Mkdir(path, fs.ModeSticky)
		case file:
			err = host.Mknod(path, unix.S_IFREG|stubMode)
		case socket:
			err = host.Mknod(path, unix.S_IFSOCK|stubMode)
		case pipe:
			err = host.Mknod(path, unix.S_IFIFO|stubMode)
		case link:
			err = host.DatedLink(e.target, path, filepath.Join(base, draft))
		}
	})
	return err
}

// stubMode is the mode of a mount point: no program makes something with the
// sticky bit alone.
const stubMode = unix.S_ISVTX

// take removes a mount point, and with it what is mounted there.
func (v *view) take(path string) (err error) {
	v.do(func() { err = host.Remove(path) })
	return err
}

// open gives a mount point that has data in it ordinary permissions.
func (v *view) open(path string, k kind) (err error) {
	perm := fs.FileMode(0o644)
	if k == folder {
		perm = 0o755
	}
	v.do(func() { err = host.Chmod(path, perm) })
	return err
}

// unmountAll unmounts whatever is mounted at a path of the node.
func unmountAll(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if err == unix.EINVAL { // nothing is mounted there any more, or it can't be parted
			return nil
		}
		if err != nil {
			return message.Errorf("unmounting %q: %w", path, err)
		}
	}
}
