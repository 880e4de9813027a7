package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A SetAside is a file or folder that is moved to a place of root's until
// podsec-k8s is erased. One rename does it, so nothing in it is looked at, and it
// is at one place or at the other. The folders that lead to it may belong to
// somebody who is not root: no link in them is followed.
type SetAside struct {
	Path  string
	Place string // in a folder of root's own, on the same file system
}

// Kind names the type in the journal.
func (s SetAside) Kind() string { return "aside" }

// Key is the path.
func (s SetAside) Key() string { return s.Path }

// Describe is the line a plan prints.
func (s SetAside) Describe() message.Text {
	return message.Of("store %s in %s until podsec-k8s is uninstalled", s.Path, s.Place)
}

// Possible returns a *Fault where the path can't be moved: what is mounted there
// stays where it is, and a rename does not lead to another file system.
// Source: rename(2), EBUSY and EXDEV.
func (s SetAside) Possible(h *Host) error {
	if !h.present(s.Path) || h.present(s.Place) {
		return nil
	}
	if h.mounted(s.Path) {
		return WithRemedy(message.Errorf("%s is a separate file system and cannot be moved aside", s.Path),
			"stop the programs that use it, unmount it: umount %s, and remove it from /etc/fstab; then: podsec-k8s host apply", s.Path)
	}
	here, err := h.device(filepath.Dir(s.Path))
	if err != nil {
		return s.behindLink(err)
	}
	folder := filepath.Dir(s.Place)
	for !h.present(folder) {
		folder = filepath.Dir(folder)
	}
	there, err := h.device(folder)
	if err != nil || here == there {
		return err
	}
	return s.elsewhere(syscall.EXDEV)
}

func (s SetAside) behindLink(err error) error {
	if !linked(err) {
		return err
	}
	return NewFault("replace the link by what it points to, or remove it; then: podsec-k8s host apply",
		"the path to %s contains a symbolic link, which root does not follow: %w", s.Path, err)
}

// linked reports whether a path has a link where a folder is to be.
// Source: openat2(2), ELOOP and ENOTDIR.
func linked(err error) bool { return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) }

func (s SetAside) elsewhere(err error) error {
	return WithRemedy(message.Errorf("%s is not on the file system of %s and cannot be moved there: %w", s.Path, filepath.Dir(s.Place), err),
		"move %s to another place; then: podsec-k8s host apply", s.Path)
}

// Record keeps whether there was something.
func (s SetAside) Record(h *Host) (Before, error) { return before(h.present(s.Path)) }

// Apply moves it. What has come to its path since is not meant.
func (s SetAside) Apply(_ context.Context, h *Host) error {
	if !h.present(s.Path) || h.present(s.Place) {
		return nil
	}
	if folder := filepath.Dir(s.Place); !h.present(folder) {
		if err := errors.Join(h.makeFolders(folder), h.mkdir(folder, 0o700)); err != nil {
			return err
		}
	}
	switch err := h.move(s.Path, s.Place); {
	case errors.Is(err, syscall.EXDEV), errors.Is(err, syscall.EBUSY):
		return s.elsewhere(err)
	case err != nil:
		return s.behindLink(err)
	}
	h.note("%s is stored in %s and is restored when podsec-k8s is uninstalled", s.Path, s.Place)
	return nil
}

// Undo moves it back, unless there is something in its place by now, or no
// folder that leads there without a link.
func (s SetAside) Undo(_ context.Context, h *Host, b Before) error {
	existed, err := decodeBefore[bool](b)
	if err != nil || !existed {
		return err
	}
	if h.present(s.Place) {
		switch err := h.move(s.Place, s.Path); {
		case errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.ENOENT), linked(err):
			return &Kept{s.Place}
		case err != nil:
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
func (e Ended) Describe() message.Text { return message.Of("end the processes of %s", e.User) }

// Record has nothing to keep.
func (e Ended) Record(*Host) (Before, error) { return before(nil) }

// Apply stops the units and the user's systemd, and kills what is left. A unit
// that does not stop in time is no reason to leave the rest.
func (e Ended) Apply(ctx context.Context, h *Host) error {
	err := h.withUnits(ctx, func(m UnitManager) error {
		for _, unit := range append(e.Units, fmt.Sprintf("user@%d.service", e.UID)) {
			if err := stopIfThere(ctx, m, unit); err != nil {
				h.note("warning: %w", err)
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
		h.note("warning: some processes of %s do not end: %v", e.User, left)
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
