package host

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxRead is how many bytes of a file are read at most: no file of a node's
// state comes near it.
const maxRead = 16 << 20

// ReadFile reads a regular file whole. It waits for nobody: a FIFO, a device, a
// socket or a folder in its place, and a file without end, is a *Fault. That
// there is none is fs.ErrNotExist. Source: open(2), O_NONBLOCK.
func ReadFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ENXIO) { // a socket
		return nil, notRegular(path)
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
		return nil, notRegular(path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxRead+1))
	if err == nil && len(data) > maxRead {
		return nil, &Fault{Err: fmt.Errorf("%q has more than %d MiB", path, maxRead>>20), Remedy: readRemedy}
	}
	return data, err
}

func notRegular(path string) *Fault {
	return &Fault{Err: fmt.Errorf("%q is no regular file", path), Remedy: readRemedy}
}

const readRemedy = "someone has put it there as u7s-admin: take it away; or start over: podsec-k8s reset"
