package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
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
	Readme           string       `json:",omitempty"` // text of a file in a home that is made, without which rpm would take it for an empty folder of an older package
}

// A Saved is what is kept of a user whose home holds a cluster.
type Saved struct {
	UID, GID         uint32
	SubUIDs, SubGIDs uint64
	More             []SubIDRange `json:",omitempty"`
	Place            string       `json:",omitempty"` // where the home stayed that could not be moved
	Was              *ownerState  `json:",omitempty"` // whose that place was before podsec-k8s
	Made             bool         `json:",omitempty"` // podsec-k8s made the folder of that place
}

// Fits reports whether the files of the kept home belong to the same ids in a
// home that is made now, which may have more of them.
func (s Saved) Fits(f HomeFolder) bool {
	return s.UID == f.UID && s.GID == f.GID && s.SubUIDs == f.SubUIDs && s.SubGIDs == f.SubGIDs &&
		len(s.More) <= len(f.More) && slices.Equal(s.More, f.More[:len(s.More)])
}

func (h *Host) savedDir() string    { return filepath.Join(h.State, "saved") }
func (h *Host) savedHome() string   { return filepath.Join(h.savedDir(), "home") }
func (h *Host) savedFile() string   { return filepath.Join(h.savedDir(), "ids.json") }
func (h *Host) newHome() string     { return filepath.Join(h.State, "home.new") }
func (h *Host) oldHome() string     { return filepath.Join(h.State, "home.old") }
func (h *Host) clusterNote() string { return filepath.Join(h.State, "cluster") }

// SavedIDs returns the ids of a home that was kept, or nil. Ids without a home
// are what a cut run has left.
func (h *Host) SavedIDs() (*Saved, error) {
	moved := h.present(h.savedHome())
	if !moved && !h.present(h.savedFile()) {
		return nil, nil
	}
	var s Saved
	if err := h.readJSON(h.savedFile(), &s); err != nil {
		return nil, fmt.Errorf("reading the ids of the kept cluster: %w", err)
	}
	if !moved && s.Place == "" {
		return nil, nil
	}
	return &s, nil
}

// Kind names the type in the journal.
func (f HomeFolder) Kind() string { return "home" }

// Key is the path.
func (f HomeFolder) Key() string { return f.Path }

// Describe is the line a plan prints.
func (f HomeFolder) Describe() string { return "make the home " + f.Path }

func (f HomeFolder) saved() Saved {
	return Saved{UID: f.UID, GID: f.GID, SubUIDs: f.SubUIDs, SubGIDs: f.SubGIDs, More: f.More}
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
	h.note("the cluster that was kept is back in %s: systemctl start kubelet", f.Path)
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
	h.note("the cluster of this node is kept in %s; installing podsec-k8s again takes it back", h.savedHome())
	return h.remove(h.clusterNote())
}

func (h *Host) saveIDs(s Saved) error {
	ids, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keeping the cluster: %w", err)
	}
	if !h.present(h.savedDir()) {
		if err := h.mkdir(h.savedDir(), 0o700); err != nil {
			return err
		}
	}
	return h.write(h.savedFile(), ids, 0o600)
}

// makeRoomForSaved puts a cluster aside that was kept before and could not be
// taken back, for its ids had been given away.
func (h *Host) makeRoomForSaved() error {
	if !h.present(h.savedHome()) {
		return nil
	}
	for n := 1; ; n++ {
		older := fmt.Sprintf("%s.%d", h.savedDir(), n)
		if h.present(older) {
			continue
		}
		h.note("another cluster had been kept before; it is in %s now", older)
		return h.rename(h.savedDir(), older)
	}
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
