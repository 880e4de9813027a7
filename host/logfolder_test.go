package host

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/message"
)

const logsOfTest = "/var/log/kubernetes/audit"

// ownersOf says whose a path is, and who may use it.
func ownersOf(t *testing.T, h *Host, path string) string {
	t.Helper()
	info, err := os.Lstat(h.path(path))
	if err != nil {
		return "none"
	}
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d %04o", stat.Uid, stat.Gid, info.Mode().Perm())
}

// TestLogsStay: what the user has written stays when podsec-k8s goes, as root's and
// the group's, and somebody is told. What is no log of the user's goes, and no link
// is followed.
func TestLogsStay(t *testing.T) {
	roottest.Need(t)
	for gid, want := range map[uint32]string{0: "4000:0 0700", 5000: "4000:5000 0750"} {
		h := testHost(t)
		var notes []string
		h.Note = func(text message.Text) { notes = append(notes, text.String()) }
		folder := LogFolder{Path: logsOfTest, UID: 4000, GID: gid}
		apply(t, h, Plan{folder})
		if got := ownersOf(t, h, logsOfTest); got != want {
			t.Errorf("the folder is %s, not %s", got, want)
		}
		put(t, h, logsOfTest+"/audit.log", "a")
		put(t, h, logsOfTest+"/empty.log", "")
		put(t, h, logsOfTest+"/of-root", "b")
		put(t, h, "/etc/victim", "c")
		err := errors.Join(
			os.Symlink(h.path("/etc/victim"), h.path(logsOfTest+"/link.log")),
			os.Chown(h.path(logsOfTest+"/audit.log"), 4000, 4000), os.Chown(h.path(logsOfTest+"/empty.log"), 4000, 4000),
			os.Lchown(h.path(logsOfTest+"/link.log"), 4000, 4000),
		)
		if err != nil {
			t.Fatal(err)
		}
		if err := Erase(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		closed := strings.Replace(want, "4000", "0", 1)
		for path, want := range map[string]string{
			logsOfTest: closed, logsOfTest + "/audit.log": fmt.Sprintf("0:%d 0640", gid), logsOfTest + "/of-root": "0:0 0644",
			logsOfTest + "/empty.log": "none", logsOfTest + "/link.log": "none", "/etc/victim": "0:0 0644",
		} {
			if got := ownersOf(t, h, path); got != want {
				t.Errorf("%s is %s, not %s", path, got, want)
			}
		}
		if !slices.Contains(notes, "the logs in "+logsOfTest+" stay; they belong to root now") {
			t.Errorf("nobody was told: %q", notes)
		}

		// A node that comes back goes on beside them.
		apply(t, h, Plan{folder})
		entries, err := os.ReadDir(h.path(logsOfTest))
		if err != nil || len(entries) != 2 || !strings.HasPrefix(entries[0].Name(), "audit-20") || ownersOf(t, h, logsOfTest) != want {
			t.Errorf("%v, %v", entries, err)
		}
	}
}

// TestLogFolderOfOthers: a folder of root's is given back, and one of somebody
// else's, or a link, is left as it is.
func TestLogFolderOfOthers(t *testing.T) {
	roottest.Need(t)
	folder := LogFolder{Path: logsOfTest, UID: 4000, GID: 5000}
	for name, c := range map[string]struct {
		make          func(h *Host) error
		usable        bool
		during, after string
	}{
		"root's": {func(h *Host) error { return os.MkdirAll(h.path(logsOfTest), 0o711) }, true, "4000:5000 0750", "0:0 0711"},
		"somebody else's": {func(h *Host) error {
			return errors.Join(os.MkdirAll(h.path(logsOfTest), 0o700), os.Chown(h.path(logsOfTest), 7, 7))
		}, false, "7:7 0700", "7:7 0700"},
		"a link": {func(h *Host) error {
			return errors.Join(os.MkdirAll(h.path("/var/log/kubernetes"), 0o755), os.Symlink("/etc", h.path(logsOfTest)))
		}, false, "0:0 0777", "0:0 0777"},
	} {
		t.Run(name, func(t *testing.T) {
			h := testHost(t)
			if err := c.make(h); err != nil {
				t.Fatal(err)
			}
			if usable, err := folder.Usable(h); err != nil || usable != c.usable {
				t.Errorf("usable: %v, %v", usable, err)
			}
			apply(t, h, Plan{folder})
			apply(t, h, Plan{folder})
			if got := ownersOf(t, h, logsOfTest); got != c.during {
				t.Errorf("it is %s, not %s", got, c.during)
			}
			if err := Erase(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			if got := ownersOf(t, h, logsOfTest); got != c.after {
				t.Errorf("after erase it is %s, not %s", got, c.after)
			}
		})
	}
}

// TestHardLinkIsNoLog: a file that is somewhere else, too, is not made root's.
func TestHardLinkIsNoLog(t *testing.T) {
	roottest.Need(t)
	h := testHost(t)
	apply(t, h, Plan{LogFolder{Path: logsOfTest, UID: 4000}})
	put(t, h, "/elsewhere", "a")
	if err := errors.Join(os.Chown(h.path("/elsewhere"), 4000, 4000), os.Link(h.path("/elsewhere"), h.path(logsOfTest+"/audit.log"))); err != nil {
		t.Fatal(err)
	}
	if err := Erase(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if got := ownersOf(t, h, "/elsewhere"); got != "4000:4000 0644" || h.present("/var/log/kubernetes") {
		t.Errorf("elsewhere it is %s", got)
	}
}
