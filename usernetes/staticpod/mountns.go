package staticpod

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// mountAll gives this process, and the program that it becomes, a view of
// its own of the node's files, with the mounts in it. Without mounts it does
// nothing. What the node mounts later is seen there as well. The thread stays
// locked: the namespace is that of one thread until execve ends the others.
// Source: mount_namespaces(7), unshare(2).
func mountAll(mounts []HostMount) error {
	mounts, err := provideAll(mounts)
	if err != nil || len(mounts) == 0 {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return message.Errorf("creating a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return message.Errorf("making mounts private: %w", err)
	}
	// All sources come first: none is one that another mount has put there.
	trees := make([]int, len(mounts))
	for i, m := range mounts {
		if trees[i], err = cloneTree(m.source); err != nil {
			return err
		}
	}
	var view mountView
	for i, m := range mounts {
		if err := view.attach(trees[i], m); err != nil {
			return message.Errorf("volume %q: %w", m.Volume, err)
		}
	}
	return nil
}

// provideAll makes what the volumes ask for, and returns those that can be
// mounted: kubeadm's own only where they are.
func provideAll(mounts []HostMount) ([]HostMount, error) {
	var found []HostMount
	for _, m := range mounts {
		if err := m.provide(); err == nil {
			found = append(found, m)
		} else if !m.kubeadms {
			return nil, host.NewFault("create it, or correct the hostPath of the volume in the kubeadm configuration",
				"volume %q: %w", m.Volume, err)
		}
	}
	return found, nil
}

// cloneTree copies the mounts at a path and below, attached nowhere.
// Source: open_tree(2), since Linux 5.2.
func cloneTree(path string) (int, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, message.Errorf("opening %q: %w", path, err)
	}
	return tree, nil
}

// attachTree mounts what cloneTree copied.
func attachTree(tree int, target string) error {
	defer unix.Close(tree) //nolint:errcheck // the mount is attached, or the process ends
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS); err != nil {
		return message.Errorf("mounting at %q: %w", target, err)
	}
	return nil
}

// A mountView is a mount namespace of this process alone.
type mountView struct {
	covers []uint64 // devices of the tmpfs that only this namespace has
}

// attach mounts a tree where a component is to see it.
func (v *mountView) attach(tree int, m HostMount) error {
	var s unix.Stat_t
	if err := unix.Fstat(tree, &s); err != nil {
		return err
	}
	if err := v.makePoint(m.Target, s.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
		return err
	}
	if err := attachTree(tree, m.Target); err != nil {
		return err
	}
	if !m.readOnly {
		return nil
	}
	return remountReadOnly(m.Target)
}

// remountReadOnly keeps the flags that a user namespace may not take away.
// Source: mount_namespaces(7), "Restrictions on mount namespaces".
func remountReadOnly(path string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return err
	}
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY)
	for st, ms := range map[int64]uintptr{
		unix.ST_NOSUID: unix.MS_NOSUID, unix.ST_NODEV: unix.MS_NODEV, unix.ST_NOEXEC: unix.MS_NOEXEC,
		unix.ST_NOATIME: unix.MS_NOATIME, unix.ST_NODIRATIME: unix.MS_NODIRATIME, unix.ST_RELATIME: unix.MS_RELATIME,
	} {
		if s.Flags&st != 0 {
			flags |= ms
		}
	}
	if err := unix.Mount("", path, "", flags, ""); err != nil {
		return message.Errorf("making %q read-only: %w", path, err)
	}
	return nil
}

// makePoint makes the file or folder that something is mounted at, in this
// namespace alone: the folder that it lacks in is covered first.
func (v *mountView) makePoint(path string, folder bool) error {
	info, err := os.Stat(path)
	if err == nil {
		if info.IsDir() != folder {
			return message.Errorf("%q is a directory here and a file there", path)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(path)
	for !host.Exists(above) {
		above = filepath.Dir(above)
	}
	if err := v.cover(above); err != nil {
		return message.Errorf("freeing disk space for %q: %w", path, err)
	}
	if folder {
		return host.MkdirAll(path, 0o755)
	}
	if err := host.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return host.MakeFile(path)
}

// viewStaging is where the cover of a folder is put together.
const viewStaging = "/run/u7s-view"

// cover puts a tmpfs over a folder, with all that is in the folder mounted in
// it, unless it is one already. So a component sees a file or folder more
// there, and the node does not. The root folder can't be covered: the process
// gets another root.
func (v *mountView) cover(folder string) error {
	var s unix.Stat_t
	if err := unix.Stat(folder, &s); err != nil || slices.Contains(v.covers, s.Dev) {
		return err
	}
	if err := host.MkdirAll(viewStaging, 0o700); err != nil {
		return err
	}
	options := fmt.Sprintf("mode=%o", s.Mode&0o7777)
	if err := unix.Mount("u7s-view", viewStaging, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return message.Errorf("mounting a tmpfs: %w", err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := carryOver(filepath.Join(folder, entry.Name()), filepath.Join(viewStaging, entry.Name())); err != nil {
			return err
		}
	}
	if err := unix.Stat(viewStaging, &s); err != nil {
		return err
	}
	v.covers = append(v.covers, s.Dev)
	if folder != "/" {
		return unix.Mount(viewStaging, folder, "", unix.MS_MOVE, "")
	}
	if err := errors.Join(unix.Chroot(viewStaging), unix.Chdir("/")); err != nil {
		return err
	}
	return unix.Unmount(viewStaging, unix.MNT_DETACH) // the copy of it in the copy of /run
}

// carryOver lets what is at from be seen at to, with all mounts below it. An
// entry that has gone meanwhile is left out.
func carryOver(from, to string) error {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return host.Symlink(link, to)
	case info.IsDir():
		err = host.MkdirAll(to, 0o755)
	default:
		err = host.MakeFile(to)
	}
	if err != nil {
		return err
	}
	tree, err := cloneTree(from)
	if err != nil {
		return err
	}
	return attachTree(tree, to)
}
