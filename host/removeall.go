package host

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// RemoveAll deletes a file, or a folder with all that is in it. It follows no
// symbolic link, and leaves alone what is mounted below. However deep the
// folder is, two folders are open at a time: one that is not empty is moved to
// the top first. An error names one thing that stays, in a line of bounded
// length.
func RemoveAll(path string) error {
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !notEmpty(err) {
		return err
	}
	fd, err := uninterrupted(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	r := removal{top: os.NewFile(uintptr(fd), path)}
	defer r.top.Close() //nolint:errcheck // opened for reading
	if err := r.empty(r.top, r.removeWithAll); err != nil {
		return err
	}
	return Remove(path)
}

func notEmpty(err error) bool { return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) }

// uninterrupted repeats a call that a signal has interrupted. Source: signal(7).
func uninterrupted(do func() (int, error)) (int, error) {
	for {
		if n, err := do(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// A removal is a folder whose content is deleted.
type removal struct {
	top   *os.File
	moved int // how many folders were moved to the top
}

// empty calls remove for each name in a folder, until none is left, or all that
// are can't be removed.
func (r *removal) empty(folder *os.File, remove func(folder *os.File, name string) error) error {
	failed := map[string]error{}
	for progress := true; progress; {
		progress = false
		if _, err := folder.Seek(0, io.SeekStart); err != nil {
			return err
		}
		for {
			names, err := folder.Readdirnames(512)
			for _, name := range names {
				if failed[name] != nil {
					continue
				}
				if err := remove(folder, name); err != nil {
					failed[name] = err
					continue
				}
				progress = true
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	for _, err := range failed {
		if n := len(failed) - 1; n > 0 {
			return message.Errorf("%w, and %d more", err, n)
		}
		return err
	}
	return nil
}

// removeWithAll deletes a file, or a folder whose folders are moved to the top.
func (r *removal) removeWithAll(folder *os.File, name string) error {
	err := removeAt(folder, name)
	if !notEmpty(err) {
		return err
	}
	fd, err := uninterrupted(func() (int, error) {
		return unix.Openat2(int(folder.Fd()), name, &unix.OpenHow{
			Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS,
		})
	})
	if errors.Is(err, unix.EXDEV) {
		err = unix.EBUSY // as for an empty one: something is mounted there
	}
	if err != nil {
		return stays(folder, "open", name, err)
	}
	inner := os.NewFile(uintptr(fd), name)
	defer inner.Close() //nolint:errcheck // opened for reading
	if err := r.empty(inner, r.removeOrMove); err != nil {
		return err
	}
	return removeAt(folder, name)
}

// removeOrMove deletes a file or an empty folder, and moves another one to the
// top.
func (r *removal) removeOrMove(folder *os.File, name string) error {
	err := removeAt(folder, name)
	for notEmpty(err) {
		r.moved++
		target := ".removed-" + strconv.Itoa(r.moved)
		_, renamed := uninterrupted(func() (int, error) {
			return 0, unix.Renameat2(int(folder.Fd()), name, int(r.top.Fd()), target, unix.RENAME_NOREPLACE)
		})
		if renamed == nil || !errors.Is(renamed, unix.EEXIST) {
			return stays(folder, "rename", name, renamed)
		}
	}
	return err
}

// removeAt deletes a file or an empty folder.
func removeAt(folder *os.File, name string) error {
	unlink := func(flags int) error {
		_, err := uninterrupted(func() (int, error) { return 0, unix.Unlinkat(int(folder.Fd()), name, flags) })
		return err
	}
	err := unlink(0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) { // of a folder, by the file system. Source: unlink(2)
		if dir := unlink(unix.AT_REMOVEDIR); !errors.Is(dir, unix.ENOTDIR) {
			err = dir
		}
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return stays(folder, "remove", name, err)
}

// stays adds to an error what it is about, where it is now, shortened: names
// and depth are those of whoever made the folder.
func stays(folder *os.File, op, name string, err error) error {
	if err == nil || notEmpty(err) {
		return err
	}
	where, linkErr := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(folder.Fd())))
	if linkErr != nil {
		where = folder.Name()
	}
	return &fs.PathError{Op: op, Path: printable(where+"/"+name, 120), Err: err}
}

// printable returns a text of somebody else's in a form that a terminal shows
// as it is, and of a length that a person reads: its end counts for more.
func printable(text string, length int) string {
	quoted := strconv.QuoteToGraphic(text)
	quoted = quoted[1 : len(quoted)-1]
	runes := []rune(quoted)
	if len(runes) <= length {
		return quoted
	}
	return "…" + string(runes[len(runes)-length:])
}
