package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadRegular(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(
		os.WriteFile(path("file"), []byte("12345"), 0o600),
		os.Symlink("file", path("link")),
		unix.Mkfifo(path("pipe"), 0o600),
		os.Mkdir(path("folder"), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadRegular(path("file"), 5); err != nil || string(data) != "12345" {
		t.Errorf("a file: %q, %v", data, err)
	}
	for name, want := range map[string]error{"missing": fs.ErrNotExist, "link": unix.ELOOP, "pipe": errNotRegular, "folder": errNotRegular} {
		if _, err := ReadRegular(path(name), 5); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if _, err := ReadRegular(path("file"), 4); !errors.Is(err, errTooLarge) {
		t.Errorf("a file that is too large: %v", err)
	}
}
