package host

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// WriteFile puts data at path in one step that a power cut can't split:
// a temporary file beside it, fsync, rename, fsync of the folder. perm is
// set whatever the umask is. A symbolic link at path is replaced, not
// followed.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	temp, err := renameio.NewPendingFile(path, renameio.WithPermissions(perm), renameio.IgnoreUmask(),
		renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return message.Errorf("writing %q: %w", path, err)
	}
	defer temp.Cleanup() //nolint:errcheck // nothing is left to clean once it was renamed
	if _, err := temp.Write(data); err != nil {
		return message.Errorf("writing %q: %w", path, err)
	}
	if err := temp.CloseAtomicallyReplace(); err != nil {
		return message.Errorf("writing %q: %w", path, err)
	}
	return SyncFolder(filepath.Dir(path))
}

// WriteNewFile is WriteFile for a secret at a path that has nothing: what is there
// stays, and is a fault of fs.ErrExist. The file has the mode 0600, less what the
// umask takes, from its first moment. Source: open(2), link(2).
func WriteNewFile(path string, data []byte) error {
	return CopyNewFile(path, bytes.NewReader(data))
}

// CopyNewFile is WriteNewFile for what is read meanwhile. A fault of that leaves
// nothing at the path, and is returned as it is.
func CopyNewFile(path string, from io.Reader) error {
	return MakeNewFile(path, func(to io.Writer) error {
		_, err := io.Copy(to, from)
		return err
	})
}

// MakeNewFile is WriteNewFile for what a function writes.
func MakeNewFile(path string, write func(io.Writer) error) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)) // named as RemoveCutWrites looks for
	if err != nil {
		return message.Errorf("writing %q: %w", path, err)
	}
	defer Remove(temp.Name()) //nolint:errcheck // RemoveCutWrites does
	if err := write(temp); err != nil {
		temp.Close() //nolint:errcheck // the cause is told
		return err
	}
	if err = errors.Join(temp.Sync(), temp.Close()); err == nil {
		err = os.Link(temp.Name(), path)
	}
	if err != nil {
		return message.Errorf("writing %q: %w", path, err)
	}
	return SyncFolder(filepath.Dir(path))
}

// RemoveCutWrites removes what runs of WriteFile and WriteNewFile that were cut
// have left beside path. Nobody else may be writing path meanwhile.
func RemoveCutWrites(path string) error {
	folder, base := filepath.Split(path)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return message.Errorf("deleting the rest of an interrupted write: %w", err)
	}
	for _, entry := range entries {
		number, found := strings.CutPrefix(entry.Name(), "."+base) // as renameio names its files
		if _, err := strconv.ParseUint(number, 10, 64); !found || err != nil {
			continue
		}
		if err := Remove(filepath.Join(folder, entry.Name())); err != nil {
			return message.Errorf("deleting the rest of an interrupted write: %w", err)
		}
	}
	return nil
}

// Mkdir makes a folder; one that is there is a fault.
func Mkdir(path string, perm fs.FileMode) error { return os.Mkdir(path, perm) }

// MkdirAll makes a folder and its parents with mode perm.
func MkdirAll(path string, perm fs.FileMode) error { return os.MkdirAll(path, perm) }

// Symlink makes a symbolic link at path.
func Symlink(target, path string) error { return os.Symlink(target, path) }

// DatedLink makes a symbolic link at path, in one step, that was last changed
// at the beginning of 1970. draft is a path beside it that it has until then.
func DatedLink(target, path, draft string) error {
	if err := Remove(draft); err != nil {
		return err
	}
	if err := Symlink(target, draft); err != nil {
		return err
	}
	times := []unix.Timespec{{}, {}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, draft, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "utimensat", Path: draft, Err: err}
	}
	return os.Rename(draft, path)
}

// Mknod makes an empty file, a pipe or a socket that nobody listens on: mode
// has the type as well, as in mknod(2).
func Mknod(path string, mode uint32) error {
	if err := unix.Mknod(path, mode, 0); err != nil {
		return &fs.PathError{Op: "mknod", Path: path, Err: err}
	}
	return nil
}

// Chmod sets a mode, whatever the umask is.
func Chmod(path string, perm fs.FileMode) error { return os.Chmod(path, perm) }

// MakeFile makes an empty file with mode 0644; one that is there is no fault.
func MakeFile(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

// Remove deletes one file or empty folder; that there is none is no fault.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// SyncFolder makes renames and removals in a folder outlast a power cut.
// Source: fsync(2).
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // opened for reading
	if err := folder.Sync(); err != nil {
		return message.Errorf("syncing %q: %w", path, err)
	}
	return nil
}

// SyncFileSystem waits until all that was written to the file system of a folder
// is on the disk. Source: syncfs(2).
func SyncFileSystem(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // opened for reading
	if err := unix.Syncfs(int(folder.Fd())); err != nil {
		return message.Errorf("syncing %q: %w", path, err)
	}
	return nil
}

// Rename moves a file or folder within a file system, in one step that outlasts
// a power cut.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(to))
}

// SetKernelValue writes a value to a file below /proc/sys, which takes it
// whole or not at all. Source: proc(5).
func SetKernelValue(path, value string) error { return os.WriteFile(path, []byte(value), 0) }

// TempFile makes an empty file with a name of its own, mode 0600, in a
// folder; pattern is as for os.CreateTemp.
func TempFile(folder, pattern string) (*os.File, error) { return os.CreateTemp(folder, pattern) }

// Lock opens a file, made with mode 0600 when it is missing, and holds the
// only lock on it until it is closed. The error is EWOULDBLOCK when another
// process holds it. Source: flock(2).
func Lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close() //nolint:errcheck // the cause is reported
		return nil, message.Errorf("locking %q: %w", path, err)
	}
	return file, nil
}
