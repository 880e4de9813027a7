package host

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
)

// StateDir is root's own folder on the machine: the journal, what is kept, and the
// note that there is a cluster.
const StateDir = "/var/lib/podsec-k8s"

// ClusterFile is the name of that note.
const ClusterFile = "cluster"

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

func (h *Host) savedDir() string { return filepath.Join(h.State, "saved") }

func (h *Host) savedHome() string { return filepath.Join(h.savedDir(), "home") }

func (h *Host) savedFile() string { return filepath.Join(h.savedDir(), "ids.json") }

func (h *Host) newHome() string { return filepath.Join(h.State, "home.new") }

func (h *Host) oldHome() string { return filepath.Join(h.State, "home.old") }

func (h *Host) clusterNote() string { return filepath.Join(h.State, ClusterFile) }

// SavedIDs returns the ids of a home that was kept, or nil. Ids without a home
// are what a cut run has left.
func (h *Host) SavedIDs() (*Saved, error) {
	moved := h.present(h.savedHome())
	if !moved && !h.present(h.savedFile()) {
		return nil, nil
	}
	var s Saved
	if err := h.readJSON(h.savedFile(), &s); err != nil {
		return nil, message.Errorf("reading the ids of the stored cluster: %w", err)
	}
	if !moved && s.Place == "" {
		return nil, nil
	}
	return &s, nil
}

func (f HomeFolder) saved() Saved {
	return Saved{UID: f.UID, GID: f.GID, SubUIDs: f.SubUIDs, SubGIDs: f.SubGIDs, More: f.More}
}

func (h *Host) saveIDs(s Saved) error {
	ids, err := json.Marshal(s)
	if err != nil {
		return message.Errorf("storing the cluster: %w", err)
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
		h.note("an older stored cluster was there; it is in %s now", older)
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
