package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// nest makes folders of that name within each other, and files in some.
func nest(t *testing.T, top, name string, depth int) {
	t.Helper()
	if err := os.MkdirAll(top, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(top, unix.O_DIRECTORY, 0)
	for n := 0; n < depth && err == nil; n++ {
		var next int
		if err = unix.Mkdirat(fd, name, 0o755); err != nil {
			break
		}
		if n%100 == 0 {
			if err = unix.Symlinkat("/", fd, "link"); err != nil {
				break
			}
		}
		if next, err = unix.Openat(fd, name, unix.O_DIRECTORY, 0); err == nil {
			unix.Close(fd) //nolint:errcheck // opened for reading
			fd = next
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd) //nolint:errcheck // opened for reading
}

// fewFiles lets this process open few more files than it has open.
func fewFiles(t *testing.T) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	few := was
	few.Cur = 64
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was) }) //nolint:errcheck // the test is over
}

// TestRemoveAllDeep: the depth of a folder does not count, nor do names like
// those that the removal gives.
func TestRemoveAllDeep(t *testing.T) {
	top := filepath.Join(t.TempDir(), "home")
	nest(t, top, strings.Repeat("d", 200), 4000)
	for n := range 30 {
		nest(t, filepath.Join(top, "wide", fmt.Sprint(n)), ".removed-1", 40)
		nest(t, filepath.Join(top, fmt.Sprintf(".removed-%d", n)), "x", 2)
	}
	fewFiles(t)
	if err := RemoveAll(top); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(top); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestRemoveAllFollowsNothing(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := errors.Join(os.MkdirAll(other+"/x", 0o755), os.MkdirAll(dir+"/home/a/b", 0o755), os.Symlink(other, dir+"/home/a/b/link"),
		os.Symlink(other, dir+"/home/link"), os.Symlink(other, dir+"/toplink")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"home", "toplink", "toplink", "home"} { // the second time there is nothing
		if err := RemoveAll(filepath.Join(dir, path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
	if _, err := os.Lstat(other + "/x"); err != nil {
		t.Error(err)
	}
}

// TestRemoveAllStopsAtMounts: what is mounted below stays, with all that leads
// to it; the rest goes. The error is short, and has no escape sequence.
func TestRemoveAllStopsAtMounts(t *testing.T) {
	roottest.Need(t)
	dir := t.TempDir()
	other, home := filepath.Join(dir, "other"), filepath.Join(dir, "home")
	deep := filepath.Join(home, strings.Repeat("a\x1b[2J", 30), strings.Repeat("b", 200), strings.Repeat("c", 200))
	for _, place := range []string{filepath.Join(home, "empty"), filepath.Join(deep, "full")} {
		if err := errors.Join(os.MkdirAll(place, 0o755), os.MkdirAll(other+"/kept/x", 0o755), os.WriteFile(filepath.Dir(place)+"/file", nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(other, place, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		list, _ := os.ReadFile("/proc/self/mounts")
		for line := range strings.Lines(string(list)) {
			if place := strings.Fields(line)[1]; strings.HasPrefix(place, home) {
				unix.Unmount(strings.NewReplacer(`\033`, "\x1b").Replace(place), unix.MNT_DETACH) //nolint:errcheck // the folder's removal fails then
			}
		}
	})
	err := RemoveAll(home)
	if !errors.Is(err, unix.EBUSY) || len(err.Error()) > 300 || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("it says %v", err)
	}
	if _, err := os.Lstat(other + "/kept/x"); err != nil {
		t.Errorf("what was mounted is gone: %v", err)
	}
	if _, err := os.Lstat(home + "/file"); err == nil {
		t.Error("a file beside it stays")
	}
}
