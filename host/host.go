package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Host is the machine, or a folder that stands for its root in a test.
type Host struct {
	Root  string                                                          // "/" for the machine
	State string                                                          // folder of the journal and of what is kept, below Root
	Run   func(context.Context, Command) error                            // runs a program of the machine
	Units func(context.Context) (UnitManager, error)                      // the system's systemd; nil when none runs
	Kill  func(context.Context, func(uid uint32) bool) ([]Process, error) // ends what runs under ids, returns what stays; nil does nothing
	Step  func(deed, path string) error                                   // told before every edit; a fault stops it; may be nil
	Note  func(message.Text)                                              // told what could not be done but does no harm
}

func (h *Host) path(path string) string { return filepath.Join(h.Root, path) }

func (h *Host) step(deed, path string) error {
	if h.Step == nil {
		return nil
	}
	return h.Step(deed, path)
}

func (h *Host) note(format message.Format, args ...any) {
	if h.Note != nil {
		h.Note(message.Of(format, args...))
	}
}

func (h *Host) write(path string, data []byte, perm fs.FileMode) error {
	if err := h.step("write", path); err != nil {
		return err
	}
	return WriteFile(h.path(path), data, perm)
}

func (h *Host) remove(path string) error {
	if err := h.step("remove", path); err != nil {
		return err
	}
	if err := Remove(h.path(path)); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(h.path(path)))
}

func (h *Host) rename(from, to string) error {
	if err := h.step("rename", from); err != nil {
		return err
	}
	if err := os.Rename(h.path(from), h.path(to)); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(h.path(to)))
}

// move renames a file or folder, to a path where nothing is yet. It follows no
// link on either way. Source: rename(2), openat2(2).
func (h *Host) move(from, to string) error {
	if err := h.step("move", from); err != nil {
		return err
	}
	source, err := h.openFolder(filepath.Dir(from))
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // opened for reading
	target, err := h.openFolder(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer target.Close() //nolint:errcheck // opened for reading
	if err := unix.Renameat2(int(source.Fd()), filepath.Base(from), int(target.Fd()), filepath.Base(to), unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return errors.Join(target.Sync(), source.Sync())
}

// openFolder opens a folder below the root to which no link leads.
func (h *Host) openFolder(path string) (*os.File, error) {
	root, err := os.Open(h.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // opened for reading
	fd, err := uninterrupted(func() (int, error) {
		return unix.Openat2(int(root.Fd()), cmp.Or(strings.TrimPrefix(path, "/"), "."), &unix.OpenHow{
			Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
		})
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// device is the number of the file system that a folder is on, to which no link
// leads.
func (h *Host) device(folder string) (uint64, error) {
	dir, err := h.openFolder(folder)
	if err != nil {
		return 0, err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	var stat unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &stat); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: folder, Err: err}
	}
	return stat.Dev, nil
}

// symlink puts a link at path, over what is there, in one step.
func (h *Host) symlink(target, path string) error {
	if err := h.step("link", path); err != nil {
		return err
	}
	temp := h.path(path) + ".podsec-k8s"
	if err := Remove(temp); err != nil {
		return err
	}
	if err := os.Symlink(target, temp); err != nil {
		return err
	}
	if err := os.Rename(temp, h.path(path)); err != nil {
		return errors.Join(err, Remove(temp))
	}
	return SyncFolder(filepath.Dir(h.path(path)))
}

func (h *Host) mkdir(path string, perm fs.FileMode) error {
	if err := h.step("mkdir", path); err != nil {
		return err
	}
	if err := os.Mkdir(h.path(path), perm); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(h.path(path)))
}

func (h *Host) chown(path string, uid, gid uint32) error {
	if err := h.step("chown", path); err != nil {
		return err
	}
	return os.Lchown(h.path(path), int(uid), int(gid))
}

func (h *Host) run(ctx context.Context, path string, args ...string) error {
	if err := h.step("run", path); err != nil {
		return err
	}
	return h.Run(ctx, Command{Path: path, Args: args})
}

// Loaded returns what the system's systemd has in force for a service; where
// no systemd runs, nothing.
func (h *Host) Loaded(ctx context.Context, unit string) (u LoadedUnit, err error) {
	if h.Units == nil {
		return u, nil
	}
	manager, err := h.Units(ctx)
	if err != nil {
		return u, err
	}
	defer manager.Close()
	return manager.Loaded(ctx, unit)
}

// withUnits calls do with the system's systemd, when one runs.
func (h *Host) withUnits(ctx context.Context, do func(UnitManager) error) error {
	if h.Units == nil {
		return nil
	}
	if err := h.step("systemd", ""); err != nil {
		return err
	}
	manager, err := h.Units(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	return do(manager)
}

// present reports whether there is anything at a path, be it a dead link.
func (h *Host) present(path string) bool {
	_, err := os.Lstat(h.path(path))
	return err == nil
}

func (h *Host) readJSON(path string, to any) error {
	data, err := os.ReadFile(h.path(path))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return message.Errorf("reading %q: %w", path, err)
	}
	return nil
}
