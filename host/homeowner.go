package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A HomeOwner returns the user what is at the place of its home and root's: a
// file system that is mounted there, or a folder that the administrator made.
// It stays where it is. When podsec-k8s is erased it is closed for everyone but
// root: with the cluster in it, or else without what the user left in it.
type HomeOwner struct{ HomeFolder }

// ownerState is whose a folder is.
type ownerState struct {
	UID, GID uint32
	Mode     fs.FileMode // permissions, and the sticky and set-id bits
}

// A HomeState is what is at the place of a home.
type HomeState struct {
	Exists  bool
	Folder  bool   // it is one, not a link
	UID     uint32 // whose it is
	Mounted bool   // a file system is mounted there
}

// Roots reports whether a folder is root's, who can give it to the user.
func (s HomeState) Roots() bool { return s.Exists && s.Folder && s.UID == 0 }

// Home looks at the place of a home, and at nothing in it.
func (h *Host) Home(path string) (s HomeState, err error) {
	owner, info, err := h.ownerOf(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return HomeState{Exists: true, Folder: info.IsDir(), UID: owner.UID, Mounted: h.mounted(path)}, nil
}

func (h *Host) ownerOf(path string) (s ownerState, info fs.FileInfo, err error) {
	if info, err = os.Lstat(h.path(path)); err != nil {
		return s, nil, err
	}
	s.Mode = info.Mode() & (fs.ModePerm | fs.ModeSticky | fs.ModeSetuid | fs.ModeSetgid)
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		s.UID, s.GID = owner.Uid, owner.Gid
	}
	return s, info, nil
}

// mounted reports whether a path is where a file system is mounted, also by
// bind. Source: proc(5), "/proc/[pid]/mountinfo", whose fifth field is the place.
func (h *Host) mounted(path string) bool {
	data, err := os.ReadFile(h.path("/proc/self/mountinfo"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == path {
			return true
		}
	}
	return false
}

// own changes whose a folder is. It is closed while that goes on.
func (h *Host) own(path string, s ownerState) error {
	for _, mode := range []fs.FileMode{0o700, s.Mode} {
		if err := h.step("chmod", path); err != nil {
			return err
		}
		if err := os.Chmod(h.path(path), mode); err != nil {
			return err
		}
		if err := h.chown(path, s.UID, s.GID); err != nil {
			return err
		}
	}
	return nil
}

// Kind names the type in the journal.
func (o HomeOwner) Kind() string { return "home-owner" }

// Describe is the line a plan prints.
func (o HomeOwner) Describe() string {
	return fmt.Sprintf("give the folder or file system at %s to uid %d", o.Path, o.UID)
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

// Apply returns it away; a cluster that was kept in it is taken back.
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
	h.note("the cluster that was kept is back in %s: systemctl start kubelet", o.Path)
	return h.remove(h.savedDir())
}

// strange says that a kept cluster belongs to ids that the user does not get.
func (o HomeOwner) strange(h *Host, kept Saved) error {
	return &Fault{
		Err: fmt.Errorf("the cluster that is kept in %s belongs to uid %d, gid %d, and subordinate ids from %d and %d, which are somebody else's now",
			o.Path, kept.UID, kept.GID, kept.SubUIDs, kept.SubGIDs),
		Remedy: "make them free; or, without that cluster: rm -r " + h.path(h.savedDir()) + " " + o.Path + "/*; then podsec-k8s host apply",
	}
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
		h.note("the cluster of this node stays in %s, which only root can enter now; installing podsec-k8s again takes it back", f.Path)
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
		return fmt.Errorf("looking below the file system at %s: %w", f.Path, err)
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
		h.note("the cluster of this node stays below that file system, for root alone; unmounted, installing podsec-k8s again takes it back")
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

// openBelow opens the folder that a file system is mounted on.
// Source: open_tree(2), which without AT_RECURSIVE leaves out what is mounted
// below.
func openBelow(path string) (*os.File, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, filepath.Dir(path), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(tree) //nolint:errcheck // only the folder in it is used
	fd, err := unix.Openat(tree, filepath.Base(path), unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}
