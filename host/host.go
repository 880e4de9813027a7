package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Host is the machine, or a folder that stands for its root in a test.
type Host struct {
	Root  string                                                          // "/" for the machine
	State string                                                          // folder of the journal and of what is kept, below Root
	Run   func(context.Context, Command) error                            // runs a program of the machine
	Units func(context.Context) (UnitManager, error)                      // the system's systemd; nil when none runs
	Kill  func(context.Context, func(uid uint32) bool) ([]Process, error) // ends what runs under ids, returns what stays; nil does nothing
	Step  func(deed, path string) error                                   // told before every edit; a fault stops it; may be nil
	Note  func(text string)                                               // told what could not be done but does no harm
}

// A UnitManager is what host changes ask of systemd.
type UnitManager interface {
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	DaemonReload(ctx context.Context) error
	Loaded(ctx context.Context, unit string) (LoadedUnit, error)
	Close()
}

// Local is the machine that this program runs on.
func Local(note func(string)) *Host {
	h := &Host{
		Root: "/", State: "/var/lib/podsec-k8s", Note: note, Kill: killUsers,
		Run: func(ctx context.Context, c Command) error { return c.Run(ctx) },
	}
	if Booted() {
		h.Units = func(ctx context.Context) (UnitManager, error) { return SystemManager(ctx) }
	}
	return h
}

// Booted reports whether systemd runs the machine. Source: sd_booted(3).
func Booted() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

func (h *Host) path(path string) string { return filepath.Join(h.Root, path) }

func (h *Host) step(deed, path string) error {
	if h.Step == nil {
		return nil
	}
	return h.Step(deed, path)
}

func (h *Host) note(format string, args ...any) {
	if h.Note != nil {
		h.Note(fmt.Sprintf(format, args...))
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

// present tells whether there is anything at a path, be it a dead link.
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
		return fmt.Errorf("reading %q: %w", path, err)
	}
	return nil
}
