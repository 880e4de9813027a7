package host

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// maxRead is how many bytes of a file are read at most: no file of a node's
// state comes near it.
const maxRead = 16 << 20

var (
	errNotRegular = message.New("it is not a regular file")
	errTooLarge   = message.New("it is too large")
)

// ReadFile reads a regular file whole. It waits for nobody: a FIFO, a device, a
// socket or a folder in its place, and a file without end, is a *Fault. That
// there is none is fs.ErrNotExist.
func ReadFile(path string) ([]byte, error) {
	data, err := readBounded(path, 0, maxRead)
	switch {
	case errors.Is(err, errNotRegular):
		err = message.Errorf("%q is not a regular file", path)
	case errors.Is(err, errTooLarge):
		err = message.Errorf("%q is larger than %d MiB", path, maxRead>>20)
	default:
		return data, err
	}
	return nil, WithRemedy(err,
		"someone put it there as u7s-admin: remove it; or start over: podsec-k8s reset")
}

// ReadRegular reads a file that somebody with other rights writes: a regular
// file of at most limit bytes, and no link to one. Source: open(2), O_NOFOLLOW.
func ReadRegular(path string, limit int64) ([]byte, error) {
	data, err := readBounded(path, unix.O_NOFOLLOW, limit)
	if errors.Is(err, errNotRegular) || errors.Is(err, errTooLarge) {
		return nil, message.Errorf("reading %q: %w", path, err)
	}
	return data, err
}

// readBounded reads a regular file of at most limit bytes. It never waits for a
// pipe. Source: open(2), O_NONBLOCK, and ENXIO for a socket.
func readBounded(path string, flags int, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|flags, 0)
	if errors.Is(err, unix.ENXIO) {
		return nil, errNotRegular
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // opened for reading
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, err
}

// Exists reports whether there is something at a path, with links followed, and
// no folder above keeps this process from seeing it.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// SameFile reports whether two paths lead to one file.
func SameFile(a, b string) bool {
	one, errOne := os.Stat(a)
	other, errOther := os.Stat(b)
	return errOne == nil && errOther == nil && os.SameFile(one, other)
}

// CanRead returns why a file can't be opened for reading.
func CanRead(path string) error { return canOpen(path, os.O_RDONLY) }

// CanReadWrite returns why a file can't be opened for reading and writing.
func CanReadWrite(path string) error { return canOpen(path, os.O_RDWR) }

func canOpen(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return f.Close()
}
