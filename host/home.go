package host

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Kind names the type in the journal.
func (f HomeFolder) Kind() string { return "home" }

// Key is the path.
func (f HomeFolder) Key() string { return f.Path }

// Describe is the line a plan prints.
func (f HomeFolder) Describe() message.Text {
	return message.Of("create the home directory %s", f.Path)
}

// Record keeps whether there was a home.
func (f HomeFolder) Record(h *Host) (Before, error) {
	kept, err := h.SavedIDs()
	if err != nil {
		return nil, err
	}
	ours := kept != nil && kept.Place == f.Path && kept.Made && !h.mounted(f.Path)
	return before(h.present(f.Path) && !ours)
}

// Apply makes the folder, or takes back the one that was kept. It appears
// with its owner in one step, where it is of one file system with the journal.
func (f HomeFolder) Apply(_ context.Context, h *Host) error {
	if h.present(f.Path) {
		return nil
	}
	if kept, err := h.SavedIDs(); err != nil || (kept != nil && kept.Place == "" && kept.Fits(f)) {
		if err != nil {
			return err
		}
		return f.takeBack(h)
	}
	if err := h.removeTree(h.newHome()); err != nil {
		return err
	}
	if err := f.fill(h, h.newHome()); err != nil {
		return err
	}
	if err := h.rename(h.newHome(), f.Path); !errors.Is(err, syscall.EXDEV) {
		return err
	}
	return errors.Join(f.fill(h, f.Path), h.removeTree(h.newHome()))
}

// fill makes the folder at a path. It is root's until all of it is there.
func (f HomeFolder) fill(h *Host, path string) error {
	if err := h.mkdir(path, 0o700); err != nil {
		return err
	}
	if f.Readme != "" {
		if err := h.write(filepath.Join(path, "README"), []byte(f.Readme), 0o644); err != nil {
			return err
		}
	}
	return h.chown(path, f.UID, f.GID)
}

// takeBack brings a kept cluster home.
func (f HomeFolder) takeBack(h *Host) error {
	if err := h.write(h.clusterNote(), nil, 0o600); err != nil {
		return err
	}
	if err := h.rename(h.savedHome(), f.Path); err != nil {
		return err
	}
	if err := h.remove(h.savedFile()); err != nil {
		return err
	}
	h.note("the stored cluster is restored in %s: systemctl start kubelet", f.Path)
	return h.remove(h.savedDir())
}

// Undo takes a home away that was made here. One rename puts it where the
// user can reach nothing of it any more; only then is it deleted or kept. One
// that can't be moved is closed where it is.
func (f HomeFolder) Undo(_ context.Context, h *Host, b Before) error {
	existed, err := decodeBefore[bool](b)
	if err != nil || existed {
		return err
	}
	move := f.discard
	if h.present(h.clusterNote()) {
		move = f.keep
	}
	if h.mounted(f.Path) {
		return f.undoUnderMount(h)
	}
	if h.present(f.Path) {
		if err := move(h); errors.Is(err, syscall.EXDEV) {
			return f.undoInPlace(h)
		} else if err != nil {
			return err
		}
	}
	return errors.Join(h.removeTree(h.newHome()), h.removeTree(h.oldHome()))
}

// discard moves a home to where it is deleted.
func (f HomeFolder) discard(h *Host) error {
	if err := h.removeTree(h.oldHome()); err != nil {
		return err
	}
	return h.rename(f.Path, h.oldHome())
}

// keep puts a home with a cluster aside.
func (f HomeFolder) keep(h *Host) error {
	if err := h.makeRoomForSaved(); err != nil {
		return err
	}
	if err := h.saveIDs(f.saved()); err != nil {
		return err
	}
	if err := h.rename(f.Path, h.savedHome()); err != nil {
		return err
	}
	h.note("the cluster of this node is stored in %s; if you install podsec-k8s again, it is restored", h.savedHome())
	return h.remove(h.clusterNote())
}
