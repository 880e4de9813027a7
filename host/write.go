package host

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// WriteFile puts data at path in one step that a power cut can't split:
// a temporary file beside it, fsync, rename, fsync of the folder. perm is
// set whatever the umask is. A symbolic link at path is replaced, not
// followed.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	temp, err := renameio.NewPendingFile(path, renameio.WithPermissions(perm), renameio.IgnoreUmask(),
		renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer temp.Cleanup() //nolint:errcheck // nothing is left to clean once it was renamed
	if _, err := temp.Write(data); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := temp.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return SyncFolder(filepath.Dir(path))
}

// MkdirAll makes a folder and its parents with mode perm.
func MkdirAll(path string, perm fs.FileMode) error { return os.MkdirAll(path, perm) }

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
		return fmt.Errorf("syncing %q: %w", path, err)
	}
	return nil
}
