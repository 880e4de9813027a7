package audit

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestShare: in a closed folder the log's files may be read by all who get there, and
// elsewhere nothing is changed.
func TestShare(t *testing.T) {
	for name, c := range map[string]struct {
		mode  os.FileMode
		args  []string
		wants os.FileMode
	}{
		"a closed folder": {0o750, []string{"kube-apiserver", "--audit-log-path=" + Log}, 0o644},
		"an open folder":  {0o755, []string{"kube-apiserver", "--audit-log-path=" + Log}, 0o600},
		"another log":     {0o750, []string{"kube-apiserver", "--audit-log-path=/x"}, 0o600},
		"no log":          {0o750, []string{"etcd"}, 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			before := unix.Umask(0o077)
			defer unix.Umask(before)
			folder := filepath.Join(t.TempDir(), "audit")
			old := filepath.Join(folder, "audit-2026-01-02T03-04-05.000.log")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(folder, c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(old, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("/etc/shadow", filepath.Join(folder, "audit-link.log")); err != nil {
				t.Fatal(err)
			}
			if err := share(c.args, folder); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(old)
			if err != nil || info.Mode().Perm() != c.wants {
				t.Errorf("an old file: %v, %v", info.Mode(), err)
			}
			info, err = os.Stat(filepath.Join(folder, "audit.log"))
			if made := err == nil; made != (c.wants == 0o644) || made && info.Mode().Perm() != c.wants {
				t.Errorf("the log: %v", err)
			}
			after := unix.Umask(0o077)
			if shared := after == 0o022; shared != (c.wants == 0o644) {
				t.Errorf("umask %03o", after)
			}
		})
	}
	if err := share([]string{"--audit-log-path=" + Log}, "/nowhere"); err != nil {
		t.Error(err)
	}
}
