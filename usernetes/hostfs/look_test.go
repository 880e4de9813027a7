package hostfs

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// must ends a test that could not be prepared.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestMountPointsAreKnownAgain makes mount points as a run does that is then
// killed, beside what a pod may have made.
func TestMountPointsAreKnownAgain(t *testing.T) {
	roottest.Need(t)
	base := t.TempDir()
	v := &view{make(chan func())}
	go func() {
		for f := range v.work {
			f()
		}
	}()
	for name, k := range map[string]kind{"folder": folder, "file": file, "socket": socket, "pipe": pipe, "link": link} {
		must(t, v.place(base, name, hostEntry{kind: k, target: "/somewhere"}))
	}
	path := func(name string) string { return filepath.Join(base, name) }
	must(t,
		os.Mkdir(path("empty"), 0o755),
		os.MkdirAll(path("tree/of/folders"), 0o755),
		os.MkdirAll(path("data/in"), 0o755), os.WriteFile(path("data/in/rows"), []byte("1"), 0o644),
		os.WriteFile(path("lock"), nil, 0o600),
		os.WriteFile(path("closed"), nil, 0),
		os.Symlink("/somewhere", path("own link")),
		v.place(base, "written", hostEntry{kind: file}), os.WriteFile(path("written"), []byte("1"), 0),
	)
	all, err := names(base)
	must(t, err)
	got := inNode(base, all, roleAtStart)
	roles := map[string]role{}
	for name, e := range got {
		roles[name] = e.role
	}
	want := map[string]role{
		"folder": stub, "file": stub, "socket": stub, "pipe": stub, "link": stub,
		"empty": bare, "tree": bare,
		"data": content, "lock": content, "closed": content, "own link": content, "written": stub,
	}
	if !reflect.DeepEqual(roles, want) {
		t.Errorf("at the start: %v, want %v", roles, want)
	}

	for name, want := range map[string]bool{"file": true, "written": true, "empty": false, "data": false, "nothing": false} {
		if IsMountPoint(path(name)) != want {
			t.Errorf("%s: mount point is %v", name, !want)
		}
	}

	for name, hollow := range map[string]bool{"folder": true, "file": true, "tree": true, "data": false, "written": false} {
		if got[name].hollow != hollow {
			t.Errorf("%s: hollow is %v", name, got[name].hollow)
		}
	}
	if slices.Contains(all, draft) {
		t.Error("something half made is left")
	}
}

// TestWithoutFiles: a folder that may be covered has a few folders at most.
func TestWithoutFiles(t *testing.T) {
	dir := t.TempDir()
	if !withoutFiles(dir) {
		t.Error("an empty folder has files")
	}
	for i := range 30 {
		must(t, os.Mkdir(filepath.Join(dir, strconv.Itoa(i)), 0o755))
	}
	if withoutFiles(dir) {
		t.Error("thirty folders are few")
	}
	if withoutFiles(filepath.Join(dir, "none")) {
		t.Error("what is not there is a folder without files")
	}
}

func TestOnHost(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Mkdir(path("folder"), 0), os.WriteFile(path("file"), nil, 0), os.Symlink("../to", path("link")), host.Mknod(path("socket"), 0o140000))
	before, err := onHost(dir)
	must(t, err)
	if before["folder"].kind != folder || before["link"].kind != link || before["link"].target != "../to" || before["socket"].kind != socket {
		t.Errorf("got %v", before)
	}
	must(t, os.WriteFile(path("other"), nil, 0), os.Rename(path("other"), path("file")))
	after, err := onHost(dir)
	must(t, err)
	if after["file"].id == before["file"].id || after["folder"].id != before["folder"].id {
		t.Error("a file that was replaced is the same, or a folder that was not is another")
	}
	if _, err := onHost(path("none")); !os.IsNotExist(err) {
		t.Errorf("a folder that is missing: %v", err)
	}
}

func TestWayTo(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.MkdirAll(path("etc"), 0o755), os.MkdirAll(path("run/resolve"), 0o755),
		os.WriteFile(path("etc/hosts"), nil, 0o644),
		os.Symlink("../run/resolve/stub", path("etc/linked")), os.WriteFile(path("run/resolve/stub"), nil, 0o644),
		os.Symlink("../run/gone/stub", path("etc/dangling")),
		os.Symlink("loop", path("etc/loop")))
	for name, want := range map[string][]string{
		"etc/hosts":    {"etc"},
		"etc/missing":  {"etc"},
		"etc/linked":   {"etc", "run/resolve"},
		"etc/dangling": {"etc", "run"},
		"none/at/all":  {"."},
	} {
		for i := range want {
			want[i] = path(want[i])
		}
		if got := wayTo(path(name)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := wayTo(path("etc/loop")); len(got) > 10 {
		t.Errorf("a link to itself: %d folders", len(got))
	}
}
