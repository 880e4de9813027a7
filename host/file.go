package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A File is a file of root's with just this content; or it says that there is
// to be none at the path. A masked unit stays so: see systemctl(1), "mask".
type File struct {
	Path   string
	Data   []byte
	Mode   fs.FileMode
	Absent bool `json:",omitempty"` // there is to be nothing
}

// A Link is a symbolic link.
type Link struct {
	Path   string
	Target string
}

// fileState is what is at a path: nothing, a file, or a link.
type fileState struct {
	Exists   bool
	Data     []byte `json:",omitempty"`
	Target   string `json:",omitempty"` // of a link
	Mode     fs.FileMode
	UID, GID uint32
	Folders  []string `json:",omitempty"` // parents that were missing, the outermost first
}

// stateOf looks at a path without following a link there.
func (h *Host) stateOf(path string) (fileState, error) {
	s := fileState{Folders: h.missingFolders(path)}
	info, err := os.Lstat(h.path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.Exists, s.Mode = true, info.Mode()
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		s.UID, s.GID = owner.Uid, owner.Gid
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		s.Target, err = os.Readlink(h.path(path))
	case info.Mode().IsRegular():
		s.Data, err = os.ReadFile(h.path(path))
	default:
		err = WithRemedy(message.Errorf("%q is neither a file nor a link", path),
			"rename it: mv %s %s.old", path, path)
	}
	return s, err
}

func (h *Host) missingFolders(path string) []string {
	var missing []string
	for dir := filepath.Dir(path); !h.present(dir); dir = filepath.Dir(dir) {
		missing = append(missing, dir)
	}
	slices.Reverse(missing)
	return missing
}

func (h *Host) makeFolders(path string) error {
	for _, dir := range h.missingFolders(path) {
		if err := h.mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// restore puts back what was at a path, and takes away the folders that were
// made for it, unless something else is in them by now.
func (h *Host) restore(path string, s fileState) error {
	if err := h.restorePath(path, s); err != nil {
		return err
	}
	return h.removeEmpty(s.Folders)
}

// removeEmpty removes folders, the last first, until one has something in it.
func (h *Host) removeEmpty(folders []string) error {
	for _, dir := range slices.Backward(folders) {
		if !h.present(dir) {
			continue // an earlier run has removed it
		}
		err := h.remove(dir)
		if errors.Is(err, syscall.ENOTEMPTY) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Host) restorePath(path string, s fileState) error {
	switch {
	case !s.Exists && !h.present(path):
		return nil
	case !s.Exists:
		return h.remove(path)
	case s.Mode&fs.ModeSymlink != 0:
		if err := h.symlink(s.Target, path); err != nil {
			return err
		}
	default:
		if err := h.write(path, s.Data, s.Mode.Perm()); err != nil {
			return err
		}
	}
	return h.chown(path, s.UID, s.GID)
}

// mask reports whether it is a link that masks a unit.
func (s fileState) mask() bool { return s.Target == "/dev/null" }

func (s fileState) same(other fileState) bool {
	return s.Exists == other.Exists && s.Mode == other.Mode && s.Target == other.Target && bytes.Equal(s.Data, other.Data)
}

// undoPath restores a path when it is as ours; nothing is to do when it is
// as before already.
func (h *Host) undoPath(path string, data Before, ours func(fileState) bool) error {
	var was fileState
	if err := json.Unmarshal(data, &was); err != nil {
		return message.Errorf("reading the previous content: %w", err)
	}
	now, err := h.stateOf(path)
	if err != nil {
		return err
	}
	if !now.same(was) && !ours(now) {
		return &Kept{path}
	}
	return h.restore(path, was)
}

func (h *Host) recordPath(path string) (Before, error) {
	s, err := h.stateOf(path)
	if err != nil {
		return nil, err
	}
	return before(s)
}

// Kind names the type in the journal.
func (f File) Kind() string { return "file" }

// Key is the path.
func (f File) Key() string { return f.Path }

// Describe is the line a plan prints.
func (f File) Describe() message.Text {
	if f.Absent {
		return message.Of("move %s aside, if it exists, until podsec-k8s is uninstalled", f.Path)
	}
	return message.Of("write %s", f.Path)
}

func (f File) writes() string { return f.Path }

// Record keeps what is at the path.
func (f File) Record(h *Host) (Before, error) { return h.recordPath(f.Path) }

// Apply writes the file, whole.
func (f File) Apply(_ context.Context, h *Host) error {
	now, err := h.stateOf(f.Path)
	if err != nil {
		return err
	}
	if f.ours(now) || f.Absent && now.mask() {
		return nil
	}
	if f.Absent {
		return h.remove(f.Path)
	}
	if err := h.makeFolders(f.Path); err != nil {
		return err
	}
	return h.write(f.Path, f.Data, f.Mode)
}

// Undo gives back what was there, when the file is as we wrote it. A mask that
// was left as it was is no more ours than its end.
func (f File) Undo(_ context.Context, h *Host, b Before) error {
	was, err := decodeBefore[fileState](b)
	if err != nil || f.Absent && was.mask() {
		return err
	}
	return h.undoPath(f.Path, b, f.ours)
}

// AsMade reports whether the file is as the change makes it, or a mask.
func (f File) AsMade(h *Host) bool {
	now, err := h.stateOf(f.Path)
	return err == nil && (f.ours(now) || now.mask())
}

func (f File) ours(s fileState) bool {
	if f.Absent {
		return !s.Exists
	}
	return s.Exists && s.Mode == f.Mode && bytes.Equal(s.Data, f.Data)
}

// Kind names the type in the journal.
func (l Link) Kind() string { return "link" }

// Key is the path.
func (l Link) Key() string { return l.Path }

// Describe is the line a plan prints.
func (l Link) Describe() message.Text { return message.Of("link %s to %s", l.Path, l.Target) }

func (l Link) writes() string { return l.Path }

// Record keeps what is at the path.
func (l Link) Record(h *Host) (Before, error) { return h.recordPath(l.Path) }

// Apply makes the link.
func (l Link) Apply(_ context.Context, h *Host) error {
	now, err := h.stateOf(l.Path)
	if err != nil {
		return err
	}
	if l.ours(now) {
		return nil
	}
	if err := h.makeFolders(l.Path); err != nil {
		return err
	}
	return h.symlink(l.Target, l.Path)
}

// Undo gives back what was there, when the link is still ours.
func (l Link) Undo(_ context.Context, h *Host, b Before) error { return h.undoPath(l.Path, b, l.ours) }

func (l Link) ours(s fileState) bool {
	return s.Exists && s.Mode&fs.ModeSymlink != 0 && s.Target == l.Target
}
