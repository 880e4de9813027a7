package host

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/alt-cloud/podsec-k8s/message"
)

// KeepPrograms keeps those programs of a list that are installed in one of places, as
// a set in a folder: hard links, or copies where a file system has none. A package
// manager puts another file in the place of a program, so a link keeps the old one.
// A set that is there stays as it is. Source: rpm's lib/fsm.c; link(2).
func KeepPrograms(folder string, places, names []string) error {
	if Exists(folder) {
		return nil
	}
	draft := folder + draftEnd
	if err := errors.Join(RemoveAll(draft), MkdirAll(draft, 0o755)); err != nil {
		return message.Errorf("keeping the installed programs: %w", err)
	}
	for _, name := range names {
		if err := keepProgram(draft, places, name); err != nil {
			return message.Errorf("keeping the installed programs: %w", err)
		}
	}
	if err := errors.Join(os.Chmod(draft, 0o755), SyncFolder(draft)); err != nil {
		return message.Errorf("keeping the installed programs: %w", err)
	}
	return Rename(draft, folder)
}

// draftEnd is behind the name of a set that is not complete.
const draftEnd = ".part"

// keepProgram keeps the first program of that name. A machine has not every one.
func keepProgram(folder string, places []string, name string) error {
	for _, place := range places {
		path, err := filepath.EvalSymlinks(filepath.Join(place, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := checkRoots(path); err != nil {
			return err
		}
		if os.Link(path, filepath.Join(folder, name)) == nil {
			return nil
		}
		return copyProgram(path, filepath.Join(folder, name))
	}
	return nil
}

// checkRoots reports whether a program is root's, and nobody else can write it.
func checkRoots(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || !ok || owner.Uid != 0 {
		return NewFault("install its package again", "%q is not a program that only root can change", path)
	}
	return nil
}

func copyProgram(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // opened for reading
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Chmod(0o755), target.Sync(), target.Close())
}

// DropPrograms deletes all sets in a folder but those of some names.
func DropPrograms(folder string, keep ...string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	faults := []error{err}
	for _, entry := range entries {
		if !slices.Contains(keep, entry.Name()) {
			faults = append(faults, RemoveAll(filepath.Join(folder, entry.Name())))
		}
	}
	return errors.Join(faults...)
}
