package host

import (
	"context"
	"errors"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A HomeOwner gives the user what is at the place of its home and root's: a
// file system that is mounted there, or a folder that the administrator made.
// It stays where it is. When podsec-k8s is erased it is closed for everyone but
// root: with the cluster in it, or else without what the user left in it.
type HomeOwner struct{ HomeFolder }

// Kind names the type in the journal.
func (o HomeOwner) Kind() string { return "home-owner" }

// Describe is the line a plan prints.
func (o HomeOwner) Describe() message.Text {
	return message.Of("give the directory or file system at %s to uid %d", o.Path, o.UID)
}

// Record keeps whose it was before podsec-k8s.
func (o HomeOwner) Record(h *Host) (Before, error) {
	kept, err := h.SavedIDs()
	if err != nil {
		return nil, err
	}
	if kept != nil && kept.Place == o.Path && kept.Was != nil {
		return before(kept.Was)
	}
	was, _, err := h.ownerOf(o.Path)
	if err != nil {
		return nil, err
	}
	return before(was)
}

// Apply gives it away; a cluster that was kept in it is taken back.
func (o HomeOwner) Apply(_ context.Context, h *Host) error {
	kept, err := h.SavedIDs()
	if err != nil {
		return err
	}
	back := kept != nil && kept.Place == o.Path
	if back && !kept.Fits(o.HomeFolder) {
		return o.strange(h, *kept)
	}
	if back {
		if err := h.write(h.clusterNote(), nil, 0o600); err != nil {
			return err
		}
	}
	now, _, err := h.ownerOf(o.Path)
	if err != nil {
		return err
	}
	if ours := (ownerState{o.UID, o.GID, 0o700}); now != ours {
		if err := h.own(o.Path, ours); err != nil {
			return err
		}
	}
	if !back {
		return nil
	}
	if err := h.remove(h.savedFile()); err != nil {
		return err
	}
	h.note("the stored cluster is restored in %s: systemctl start kubelet", o.Path)
	return h.remove(h.savedDir())
}

// strange says that a kept cluster belongs to ids that the user does not get.
func (o HomeOwner) strange(h *Host, kept Saved) error {
	return WithRemedy(message.Errorf("the cluster stored in %s belongs to uid %d, gid %d, and subordinate ids from %d and %d, which now belong to others",
		o.Path, kept.UID, kept.GID, kept.SubUIDs, kept.SubGIDs),
		"free these ids; or, if that cluster is not needed: rm -r %s %s/*; then podsec-k8s host apply", h.path(h.savedDir()), o.Path)
}

// Undo closes it, when it is still the user's. A file system with a cluster
// that is not mounted now has to be waited for.
func (o HomeOwner) Undo(_ context.Context, h *Host, b Before) error {
	was, err := decodeBefore[ownerState](b)
	if err != nil {
		return err
	}
	home, err := h.Home(o.Path)
	if err == nil && (!home.Exists || home.UID != o.UID) && h.present(h.clusterNote()) {
		return errWaits
	}
	return errors.Join(err, o.close(h, was))
}
