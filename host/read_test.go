package host

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadFile: what is no file of ordinary size holds nobody up.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	socket, err := net.Listen("unix", file("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // the test is over
	huge, err := os.Create(file("huge"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		unix.Mkfifo(file("fifo"), 0o600), os.Mkdir(file("folder"), 0o700), os.WriteFile(file("small"), []byte("{}"), 0o600),
		os.Symlink("fifo", file("link to a fifo")), os.Symlink("small", file("link")), os.Symlink("/dev/zero", file("device")),
		huge.Truncate(1<<30), huge.Close(),
	); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fifo", "folder", "socket", "device", "link to a fifo"} {
		var fault *Fault
		if _, err := ReadFile(file(name)); !errors.As(err, &fault) || !strings.Contains(err.Error(), "not a regular file") || fault.Remedy.Empty() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadFile(file("huge")); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("huge: %v", err)
	}
	if _, err := ReadFile(file("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	for _, path := range []string{file("small"), file("link"), "/proc/self/status"} {
		if data, err := ReadFile(path); err != nil || len(data) == 0 {
			t.Errorf("%s: %q %v", path, data, err)
		}
	}
}

// TestReadRegular: nor is a link followed.
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

// TestCanRead: what can be opened, and what is there.
func TestCanRead(t *testing.T) {
	dir := t.TempDir()
	file, nothing := filepath.Join(dir, "file"), filepath.Join(dir, "nothing")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !Exists(file) || CanRead(file) != nil || CanReadWrite(file) != nil || CanRead(dir) != nil {
		t.Error("a file can't be opened")
	}
	if Exists(nothing) || !errors.Is(CanRead(nothing), fs.ErrNotExist) || !errors.Is(CanReadWrite(dir), unix.EISDIR) {
		t.Error("what can't be opened can")
	}
}
