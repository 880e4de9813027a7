package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
)

// A SetAside is a file or folder that is moved to a place of root's until
// podsec-k8s is erased. One rename does it, so nothing in it is looked at, and it
// is at one place or at the other.
type SetAside struct {
	Path  string
	Place string // below the state, on the same file system
}

// Kind names the type in the journal.
func (s SetAside) Kind() string { return "aside" }

// Key is the path.
func (s SetAside) Key() string { return s.Path }

// Describe is the line a plan prints.
func (s SetAside) Describe() string {
	return "keep " + s.Path + " in " + s.Place + " until podsec-k8s is erased"
}

// Record keeps whether there was something.
func (s SetAside) Record(h *Host) (Before, error) { return before(h.present(s.Path)) }

// Apply moves it. What has come to its path since is not meant.
func (s SetAside) Apply(_ context.Context, h *Host) error {
	if !h.present(s.Path) || h.present(s.Place) {
		return nil
	}
	if folder := filepath.Dir(s.Place); !h.present(folder) {
		if err := h.mkdir(folder, 0o700); err != nil {
			return err
		}
	}
	err := h.rename(s.Path, s.Place)
	if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EBUSY) {
		return &Fault{
			Err:    fmt.Errorf("%s is a file system of its own, or on another one than %s, and can't be kept aside: %w", s.Path, s.Place, err),
			Remedy: "move what is in it away by hand, then: podsec-k8s host apply",
		}
	}
	if err == nil {
		h.note("%s is kept in %s; when podsec-k8s is erased it comes back", s.Path, s.Place)
	}
	return err
}

// Undo moves it back, unless there is something in its place by now.
func (s SetAside) Undo(_ context.Context, h *Host, b Before) error {
	existed, err := decodeBefore[bool](b)
	if err != nil || !existed {
		return err
	}
	switch {
	case h.present(s.Place) && h.present(s.Path):
		return &Kept{s.Place}
	case h.present(s.Place):
		if err := h.rename(s.Place, s.Path); err != nil {
			return err
		}
	}
	folder := filepath.Dir(s.Place)
	if !h.present(folder) {
		return nil
	}
	if err := h.remove(folder); !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

// Ended is a user of whom nothing runs any more, for another program of that
// user is to take its place.
type Ended struct {
	User  string
	UID   uint32
	Units []string // of the system, which run something as the user
}

// Kind names the type in the journal.
func (e Ended) Kind() string { return "ended" }

// Key is the user.
func (e Ended) Key() string { return e.User }

// Describe is the line a plan prints.
func (e Ended) Describe() string { return "end what runs as " + e.User }

// Record has nothing to keep.
func (e Ended) Record(*Host) (Before, error) { return before(nil) }

// Apply stops the units and the user's systemd, and kills what is left. A unit
// that does not stop in time is no reason to leave the rest.
func (e Ended) Apply(ctx context.Context, h *Host) error {
	err := h.withUnits(ctx, func(m UnitManager) error {
		for _, unit := range append(e.Units, fmt.Sprintf("user@%d.service", e.UID)) {
			if err := stopIfThere(ctx, m, unit); err != nil {
				h.note("warning: %s", Printable(err.Error()))
			}
		}
		return nil
	})
	if err != nil || h.Kill == nil {
		return err
	}
	ours, err := h.idsToEnd(User{Name: e.User, UID: e.UID}, true, nil)
	if err != nil {
		return err
	}
	left, err := h.Kill(ctx, ours)
	if len(left) > 0 {
		h.note("warning: processes of %s that do not end: %v", e.User, left)
	}
	return err
}

func stopIfThere(ctx context.Context, m UnitManager, unit string) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if u, err := m.Loaded(ctx, unit); err != nil || u.Load == "not-found" || !u.Runs() {
		return err
	}
	return m.Stop(ctx, unit)
}

// Undo does nothing: what ran does not come back by itself.
func (e Ended) Undo(context.Context, *Host, Before) error { return nil }
