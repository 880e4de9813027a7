package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/alt-cloud/podsec-k8s/message"
)

// close takes a folder from the user that can't be moved, and keeps a cluster
// in it for root alone.
func (f HomeFolder) close(h *Host, was ownerState) error {
	now, _, err := h.ownerOf(f.Path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && now.UID != f.UID {
		return nil
	}
	if err != nil {
		return err
	}
	cluster := h.present(h.clusterNote())
	if cluster {
		kept := f.saved()
		kept.Place, kept.Was = f.Path, &was
		if err := errors.Join(h.makeRoomForSaved(), h.saveIDs(kept)); err != nil {
			return err
		}
	}
	if err := h.own(f.Path, ownerState{0, 0, 0o700}); err != nil {
		return err
	}
	if cluster {
		h.note("the cluster of this node stays in %s, now accessible only to root; if you install podsec-k8s again, it is restored", f.Path)
		return h.remove(h.clusterNote())
	}
	if err := f.clear(h); err != nil {
		return err
	}
	return h.own(f.Path, was)
}

// clear deletes what the user made at the top of its home, which is root's by
// now, with all below. What others put there stays.
func (f HomeFolder) clear(h *Host) error {
	entries, err := os.ReadDir(h.path(f.Path))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(f.Path, entry.Name())
		owner, _, err := h.ownerOf(path)
		if err != nil {
			return err
		}
		if owner.UID != f.UID {
			continue
		}
		if err := h.removeTree(path); err != nil {
			return err
		}
	}
	return nil
}

// undoInPlace takes a home away that is of another file system than the
// journal.
func (f HomeFolder) undoInPlace(h *Host) error {
	if err := f.close(h, ownerState{0, 0, 0o700}); err != nil {
		return err
	}
	if kept, err := h.SavedIDs(); err != nil || kept != nil && kept.Place == f.Path {
		return err
	}
	if err := h.remove(f.Path); errors.Is(err, syscall.ENOTEMPTY) {
		return &Kept{f.Path}
	} else if err != nil {
		return err
	}
	return errors.Join(h.removeTree(h.newHome()), h.removeTree(h.oldHome()))
}

// undoUnderMount takes back a home that a file system was mounted on later: the
// folder below has to stay, as the place of that file system. Neither is left
// to an id that nobody has any more.
func (f HomeFolder) undoUnderMount(h *Host) error {
	if err := f.close(h, ownerState{0, 0, 0o755}); err != nil {
		return err
	}
	below, err := openBelow(h.path(f.Path))
	if err != nil {
		return message.Errorf("checking below the file system at %s: %w", f.Path, err)
	}
	defer below.Close() //nolint:errcheck // opened for its name
	if err := h.step("chown", f.Path); err != nil {
		return err
	}
	if err := errors.Join(below.Chown(0, 0), below.Chmod(0o700)); err != nil {
		return err
	}
	h.note("kept %s: a file system is mounted there", f.Path)
	kept, err := h.SavedIDs()
	if err != nil {
		return err
	}
	if h.present(h.clusterNote()) { // nothing was closed above, so it is here
		h.note("the cluster of this node stays below that file system, accessible only to root; unmount it and install podsec-k8s again to restore the cluster")
		saved := f.saved()
		kept = &saved
		kept.Place = f.Path
	}
	if kept == nil || kept.Place != f.Path {
		return nil
	}
	kept.Made = true
	return errors.Join(h.saveIDs(*kept), h.remove(h.clusterNote()))
}
