package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownerState is whose a folder is.
type ownerState struct {
	UID, GID uint32
	Mode     fs.FileMode // permissions, and the sticky and set-id bits
}

// A HomeState is what is at the place of a home.
type HomeState struct {
	Exists  bool
	Folder  bool   // it is one, not a link
	UID     uint32 // whose it is
	Mounted bool   // a file system is mounted there
}

// Roots reports whether a folder is root's, who can give it to the user.
func (s HomeState) Roots() bool { return s.Exists && s.Folder && s.UID == 0 }

// Home looks at the place of a home, and at nothing in it.
func (h *Host) Home(path string) (s HomeState, err error) {
	owner, info, err := h.ownerOf(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return HomeState{Exists: true, Folder: info.IsDir(), UID: owner.UID, Mounted: h.mounted(path)}, nil
}

func (h *Host) ownerOf(path string) (s ownerState, info fs.FileInfo, err error) {
	if info, err = os.Lstat(h.path(path)); err != nil {
		return s, nil, err
	}
	s.Mode = info.Mode() & (fs.ModePerm | fs.ModeSticky | fs.ModeSetuid | fs.ModeSetgid)
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		s.UID, s.GID = owner.Uid, owner.Gid
	}
	return s, info, nil
}

// mounted reports whether a path is where a file system is mounted, also by
// bind. Source: proc(5), "/proc/[pid]/mountinfo", whose fifth field is the place.
func (h *Host) mounted(path string) bool {
	data, err := os.ReadFile(h.path("/proc/self/mountinfo"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == path {
			return true
		}
	}
	return false
}

// own changes whose a folder is. It is closed while that goes on.
func (h *Host) own(path string, s ownerState) error {
	for _, mode := range []fs.FileMode{0o700, s.Mode} {
		if err := h.step("chmod", path); err != nil {
			return err
		}
		if err := os.Chmod(h.path(path), mode); err != nil {
			return err
		}
		if err := h.chown(path, s.UID, s.GID); err != nil {
			return err
		}
	}
	return nil
}

// openBelow opens the folder that a file system is mounted on.
// Source: open_tree(2), which without AT_RECURSIVE leaves out what is mounted
// below.
func openBelow(path string) (*os.File, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, filepath.Dir(path), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(tree) //nolint:errcheck // only the folder in it is used
	fd, err := unix.Openat(tree, filepath.Base(path), unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}
