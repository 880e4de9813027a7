package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWrite: files are what they were asked to be, and nothing is left beside
// them.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(at("file"), []byte(text), 0o604); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(at("file")); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := errors.Join(
		Rename(at("file"), at("moved")), Mkdir(at("folder"), 0o700), MkdirAll(at("a/b"), 0o700), Symlink("moved", at("link")),
		DatedLink("moved", at("dated"), at("draft")), DatedLink("folder", at("dated"), at("draft")),
		Mknod(at("pipe"), unix.S_IFIFO|0o600), MakeFile(at("empty")), MakeFile(at("empty")), Chmod(at("empty"), 0o640),
		Remove(at("nothing")), SyncFileSystem(dir),
	); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"moved": 0o604, "folder": fs.ModeDir | 0o700, "a/b": fs.ModeDir | 0o700, "link": fs.ModeSymlink | 0o777, "dated": fs.ModeSymlink | 0o777,
		"pipe": fs.ModeNamedPipe | 0o600, "empty": 0o640,
	} {
		info, err := os.Lstat(at(name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want %v, %v", name, info, want, err)
		}
		if name == "dated" && info.ModTime().Unix() != 0 {
			t.Errorf("a dated link is of %s", info.ModTime())
		}
	}
	if to, err := os.Readlink(at("dated")); err != nil || to != "folder" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 7 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

// TestWriteFails where there is no folder, or one in the way.
func TestWriteFails(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "no", "where")
	for name, err := range map[string]error{
		"write": WriteFile(nowhere, nil, 0o600), "make": MakeFile(nowhere), "node": Mknod(nowhere, unix.S_IFIFO|0o600), "sync": SyncFolder(nowhere),
		"file system": SyncFileSystem(nowhere), "rename": Rename(nowhere, nowhere+"2"), "link": DatedLink("x", nowhere, nowhere+"2"),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	full := t.TempDir()
	if err := MakeFile(filepath.Join(full, "x")); err != nil {
		t.Fatal(err)
	}
	if err := Remove(full); err == nil {
		t.Error("a folder with a file in it was removed")
	}
}

// TestLock: one holder at a time.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("a second holder: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestTempFile(t *testing.T) {
	f, err := TempFile(t.TempDir(), "x-*")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestWriteNewFile: only root's user may read the file, whatever the umask is, and
// what is at the path already stays. Nothing is left beside it.
func TestWriteNewFile(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if err := WriteNewFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := WriteNewFile(path, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	if err := os.Symlink("none", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := WriteNewFile(filepath.Join(dir, "link"), nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("through a link: %v", err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "one" {
		t.Errorf("%q, %v", text, err)
	}
	left, err := os.CreateTemp(dir, ".key") // as a run that was cut leaves it
	if err = errors.Join(err, left.Close(), RemoveCutWrites(path)); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
}
