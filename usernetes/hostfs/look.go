package hostfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// status asks for a path's status: not of what a link leads to, without a
// question to a server of files that may be silent, and without mounting what
// an automounter would. Source: statx(2).
func status(path string) (s unix.Statx_t, err error) {
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	err = unix.Statx(unix.AT_FDCWD, path, flags, unix.STATX_BASIC_STATS, &s)
	return s, err
}

func identityOf(s unix.Statx_t) identity {
	return identity{unix.Mkdev(s.Dev_major, s.Dev_minor), s.Ino}
}

func kindOf(mode uint16) kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return folder
	case unix.S_IFLNK:
		return link
	case unix.S_IFSOCK:
		return socket
	case unix.S_IFIFO:
		return pipe
	default:
		return file
	}
}

// target reads a link.
func target(k kind, path string) (string, error) {
	if k != link {
		return "", nil
	}
	return os.Readlink(path)
}

// onHost lists what the host has in a folder. An entry that goes meanwhile is
// left out. It is for the view to run.
func onHost(dir string) (map[string]hostEntry, error) {
	names, err := names(dir)
	if err != nil {
		return nil, err
	}
	all := map[string]hostEntry{}
	for _, name := range names {
		path := filepath.Join(dir, name)
		s, err := status(path)
		if err != nil {
			continue
		}
		e := hostEntry{kind: kindOf(s.Mode), id: identityOf(s)}
		if e.target, err = target(e.kind, path); err == nil {
			all[name] = e
		}
	}
	return all, nil
}

// inNode looks at entries of the node's own folder. It is for the view to run,
// which sees no mounts there; what the node sees is added later.
func inNode(base string, names []string, roleOf func(string, nodeEntry, unix.Statx_t) role) map[string]nodeEntry {
	all := map[string]nodeEntry{}
	for _, name := range names {
		path := filepath.Join(base, name)
		s, err := status(path)
		if err != nil {
			continue // there is none
		}
		e := nodeEntry{kind: kindOf(s.Mode), id: identityOf(s)}
		if e.target, err = target(e.kind, path); err != nil {
			continue
		}
		e.hollow = hollow(e.kind, path, s)
		e.role = roleOf(name, e, s)
		all[name] = e
	}
	return all
}

// IsMountPoint reports whether there is nothing at a path in a node's own folder
// but the mount point of a host's entry, which may be left of a run before.
func IsMountPoint(path string) bool {
	s, err := status(path)
	return err == nil && s.Mode&^unix.S_IFMT == stubMode
}

// roleAtStart knows mount points of an earlier run again by what place gives
// them, when nothing runs in the node yet.
func roleAtStart(_ string, e nodeEntry, s unix.Statx_t) role {
	switch {
	case e.kind == link && s.Mtime.Sec == 0, s.Mode&^unix.S_IFMT == stubMode:
		return stub
	case e.kind == folder && e.hollow:
		return bare
	}
	return content
}

// hollow reports whether an entry holds no data.
func hollow(k kind, path string, s unix.Statx_t) bool {
	switch k {
	case folder:
		return withoutFiles(path)
	case file:
		return s.Size == 0
	default:
		return true
	}
}

// withoutFiles reports whether a folder has nothing but a few folders in it.
func withoutFiles(path string) bool {
	few := 20
	return onlyFolders(path, &few)
}

// onlyFolders reads no more of a folder than it needs: it may be a large one.
func onlyFolders(path string, left *int) bool {
	opened, err := os.Open(path)
	if err != nil {
		return false
	}
	defer opened.Close() //nolint:errcheck // opened for reading
	entries, err := opened.ReadDir(*left + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	for _, e := range entries {
		if *left--; *left < 0 || !e.IsDir() || !onlyFolders(filepath.Join(path, e.Name()), left) {
			return false
		}
	}
	return true
}

func names(dir string) ([]string, error) {
	opened, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer opened.Close() //nolint:errcheck // opened for reading
	return opened.Readdirnames(-1)
}
