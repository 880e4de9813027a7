package host

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
)

// A HomeFolder is the home of a system user that podsec-k8s made. It may
// hold a cluster, which is never thrown away: then the folder is kept for
// root alone, with the ids that it belongs to, and taken back by a later
// installation with the same ids.
type HomeFolder struct {
	Path             string
	UID, GID         uint32
	SubUIDs, SubGIDs uint64       // where the user's subordinate ids start
	More             []SubIDRange `json:",omitempty"` // further ones, in their order
}

// A Saved is what is kept of a user whose home holds a cluster.
type Saved struct {
	UID, GID         uint32
	SubUIDs, SubGIDs uint64
	More             []SubIDRange `json:",omitempty"`
}

// fits reports whether the files of the kept home belong to the same ids in a
// home that is made now, which may have more of them.
func (s Saved) fits(f HomeFolder) bool {
	return s.UID == f.UID && s.GID == f.GID && s.SubUIDs == f.SubUIDs && s.SubGIDs == f.SubGIDs &&
		len(s.More) <= len(f.More) && slices.Equal(s.More, f.More[:len(s.More)])
}

func (h *Host) savedDir() string    { return filepath.Join(h.State, "saved") }
func (h *Host) savedHome() string   { return filepath.Join(h.savedDir(), "home") }
func (h *Host) savedFile() string   { return filepath.Join(h.savedDir(), "ids.json") }
func (h *Host) newHome() string     { return filepath.Join(h.State, "home.new") }
func (h *Host) oldHome() string     { return filepath.Join(h.State, "home.old") }
func (h *Host) clusterNote() string { return filepath.Join(h.State, "cluster") }

// SavedIDs gives the ids of a home that was kept, or nil.
func (h *Host) SavedIDs() (*Saved, error) {
	if !h.present(h.savedHome()) {
		return nil, nil
	}
	var s Saved
	if err := h.readJSON(h.savedFile(), &s); err != nil {
		return nil, fmt.Errorf("reading the ids of the kept cluster: %w", err)
	}
	return &s, nil
}

// Kind names the type in the journal.
func (f HomeFolder) Kind() string { return "home" }

// Key is the path.
func (f HomeFolder) Key() string { return f.Path }

// Describe is the line a plan prints.
func (f HomeFolder) Describe() string { return "make the home " + f.Path }

func (f HomeFolder) saved() Saved { return Saved{f.UID, f.GID, f.SubUIDs, f.SubGIDs, f.More} }

// Record keeps whether there was a home.
func (f HomeFolder) Record(h *Host) (Before, error) { return before(h.present(f.Path)) }

// Apply makes the folder, or takes back the one that was kept. It appears
// with its owner in one step.
func (f HomeFolder) Apply(_ context.Context, h *Host) error {
	if h.present(f.Path) {
		return nil
	}
	if kept, err := h.SavedIDs(); err != nil || (kept != nil && kept.fits(f)) {
		if err != nil {
			return err
		}
		return f.takeBack(h)
	}
	if h.present(h.newHome()) {
		if err := h.remove(h.newHome()); err != nil {
			return err
		}
	}
	if err := h.mkdir(h.newHome(), 0o700); err != nil {
		return err
	}
	if err := h.chown(h.newHome(), f.UID, f.GID); err != nil {
		return err
	}
	return h.rename(h.newHome(), f.Path)
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
	h.note("the cluster that was kept is back in %s: systemctl start kubelet", f.Path)
	return h.remove(h.savedDir())
}

// Undo takes a home away that was made here. One rename puts it where the
// user can reach nothing of it any more; only then is it deleted or kept.
func (f HomeFolder) Undo(_ context.Context, h *Host, b Before) error {
	existed, err := decodeBefore[bool](b)
	if err != nil || existed {
		return err
	}
	if h.present(h.clusterNote()) && h.present(f.Path) {
		return f.keep(h)
	}
	if h.present(f.Path) {
		if err := h.removeTree(h.oldHome()); err != nil {
			return err
		}
		if err := h.rename(f.Path, h.oldHome()); err != nil {
			return err
		}
	}
	if err := h.removeTree(h.newHome()); err != nil {
		return err
	}
	return h.removeTree(h.oldHome())
}

// keep puts a home with a cluster aside.
func (f HomeFolder) keep(h *Host) error {
	ids, err := json.Marshal(f.saved())
	if err != nil {
		return fmt.Errorf("keeping the cluster: %w", err)
	}
	if !h.present(h.savedDir()) {
		if err := h.mkdir(h.savedDir(), 0o700); err != nil {
			return err
		}
	}
	if err := h.write(h.savedFile(), ids, 0o600); err != nil {
		return err
	}
	if err := h.rename(f.Path, h.savedHome()); err != nil {
		return err
	}
	h.note("the cluster of this node is kept in %s; installing podsec-k8s again takes it back", h.savedHome())
	return h.remove(h.clusterNote())
}

// removeTree deletes a folder below the state, where only root can write.
func (h *Host) removeTree(path string) error {
	if !h.present(path) {
		return nil
	}
	if err := h.step("remove", path); err != nil {
		return err
	}
	return RemoveAll(h.path(path))
}
