package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A LogFolder is a folder of the host in which the node's user writes a log. It is
// closed for all but the user and a group, so the files in it may be readable by
// everyone: who can't enter can't read them. The user can't give its files a
// group that is not its own, as the folder's would be.
// The logs outlive podsec-k8s: they become root's then.
type LogFolder struct {
	Path string
	UID  uint32
	GID  uint32 // of the group that may read; 0 is none
}

type logFolderBefore struct {
	Was     *ownerState `json:",omitempty"` // whose the folder was; nil where there was none
	Folders []string    `json:",omitempty"` // above it, that were missing
}

// Kind names the type in the journal.
func (l LogFolder) Kind() string { return "log-folder" }

// Key is the path.
func (l LogFolder) Key() string { return l.Path }

// Describe is the line a plan prints.
func (l LogFolder) Describe() message.Text {
	if l.GID == 0 {
		return message.Of("create the directory %s for logs of uid %d", l.Path, l.UID)
	}
	return message.Of("create the directory %s for logs of uid %d, readable by gid %d", l.Path, l.UID, l.GID)
}

// Record keeps whose the folder was, and which folders above it are missing.
func (l LogFolder) Record(h *Host) (Before, error) {
	was, _, err := h.ownerOf(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return before(logFolderBefore{Folders: h.missingFolders(l.Path)})
	}
	if err != nil {
		return nil, err
	}
	return before(logFolderBefore{Was: &was})
}

// Usable reports whether there is nothing at the path that can't become the
// folder: it is the user's, or root's to give.
func (l LogFolder) Usable(h *Host) (bool, error) {
	owner, info, err := h.ownerOf(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && info.IsDir() && (owner.UID == l.UID || owner.UID == 0), err
}

// Apply makes the folder, or gives the user one that is root's. The log that
// somebody else has written there gets another name: the user could not go on
// with it. What can't be the folder is left as it is.
func (l LogFolder) Apply(_ context.Context, h *Host) error {
	usable, err := l.Usable(h)
	if err != nil || !usable {
		return err
	}
	if err := h.makeFolders(l.Path); err != nil {
		return err
	}
	if !h.present(l.Path) {
		if err := h.mkdir(l.Path, 0o700); err != nil {
			return err
		}
	}
	now, _, err := h.ownerOf(l.Path)
	if err != nil || now == l.owner() {
		return err
	}
	if now.UID != l.UID {
		if err := l.renameLogs(h); err != nil {
			return err
		}
	}
	return h.own(l.Path, l.owner())
}

func (l LogFolder) owner() ownerState {
	if l.GID == 0 {
		return ownerState{l.UID, 0, 0o700}
	}
	return ownerState{l.UID, l.GID, 0o750}
}

// renameLogs gives the logs of others the names of old logs. The folder is root's
// still. Source: lumberjack's backupName, which kube-apiserver names by.
func (l LogFolder) renameLogs(h *Host) error {
	entries, err := os.ReadDir(h.path(l.Path))
	for _, entry := range entries {
		info, errInfo := entry.Info()
		base, log := strings.CutSuffix(entry.Name(), ".log")
		if errInfo != nil || !log || strings.Contains(base, "-") || !info.Mode().IsRegular() {
			continue
		}
		old := base + info.ModTime().UTC().Format("-2006-01-02T15-04-05.000") + ".log"
		err = errors.Join(err, h.rename(filepath.Join(l.Path, entry.Name()), filepath.Join(l.Path, old)))
	}
	return err
}

// Undo takes the folder from the user, whose processes have ended. Logs stay, as
// root's. A folder without logs goes, unless it was there before.
func (l LogFolder) Undo(_ context.Context, h *Host, b Before) error {
	was, err := decodeBefore[logFolderBefore](b)
	if err != nil {
		return err
	}
	now, info, err := h.ownerOf(l.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return h.removeEmpty(was.Folders)
	case err != nil:
		return err
	case now.UID != l.UID && now.UID != 0 || !info.IsDir(), now.UID == 0 && was.Was != nil:
		return nil // it is not ours, or given back already
	}
	if was.Was == nil {
		if err := h.remove(l.Path); !errors.Is(err, syscall.ENOTEMPTY) {
			return errors.Join(err, h.removeEmpty(was.Folders))
		}
	}
	if err := h.own(l.Path, ownerState{0, 0, 0o700}); err != nil {
		return err
	}
	logs, err := l.takeLogs(h)
	if err != nil {
		return err
	}
	if logs {
		h.note("the logs in %s stay; they belong to root now", l.Path)
	}
	if was.Was != nil {
		return h.own(l.Path, *was.Was)
	}
	if logs {
		return h.own(l.Path, ownerState{0, l.GID, l.owner().Mode})
	}
	return h.removeEmpty(append(was.Folders, l.Path))
}

// takeLogs makes the user's logs root's, and deletes what else of the user's is in
// the folder. It reports whether anything stays there.
func (l LogFolder) takeLogs(h *Host) (left bool, err error) {
	entries, err := os.ReadDir(h.path(l.Path))
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		path := filepath.Join(l.Path, entry.Name())
		owner, info, err := h.ownerOf(path)
		if err != nil {
			return false, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		switch {
		case owner.UID != l.UID:
			left = true
		case ok && info.Mode().IsRegular() && info.Size() > 0 && stat.Nlink == 1:
			left = true
			err = l.takeLog(h, path)
		default:
			err = h.removeTree(path)
		}
		if err != nil {
			return false, err
		}
	}
	return left, nil
}

// takeLog makes one log root's. It follows no link.
func (l LogFolder) takeLog(h *Host, path string) error {
	if err := h.step("chown", path); err != nil {
		return err
	}
	file, err := os.OpenFile(h.path(path), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // opened for its owner
	return errors.Join(file.Chown(0, int(l.GID)), file.Chmod(0o640))
}
