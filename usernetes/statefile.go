package usernetes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
)

// copyOf is where the second copy of a file of state is. There are two, for a
// disk may lose what it has told to be written: the first is replaced once the
// second is on the disk.
func copyOf(path string) string { return path + ".copy" }

// saveState writes a file of the node's state.
func saveState(path string, data []byte) error {
	if err := host.WriteFile(copyOf(path), data, 0o600); err != nil {
		return err
	}
	return host.WriteFile(path, data, 0o600)
}

// loadState reads a file of the node's state, as JSON. One that is damaged is
// told of, and mended from its copy. There is none: then the error is
// fs.ErrNotExist. When both are damaged the error is a *damagedError.
func loadState(path string, to any) error {
	data, err := host.ReadFile(path)
	if err != nil {
		return err
	}
	damage := json.Unmarshal(data, to)
	if damage == nil {
		return nil
	}
	if data, err = host.ReadFile(copyOf(path)); err != nil || json.Unmarshal(data, to) != nil {
		return &damagedError{path, damage}
	}
	slog.Warn("a file of the node's state was damaged, and is mended from its copy", "file", path, "damage", damage)
	return host.WriteFile(path, data, 0o600)
}

// A damagedError is a file of the node's state that nothing can be read from.
type damagedError struct {
	path string
	err  error
}

func (e *damagedError) Error() string { return fmt.Sprintf("%q is damaged: %v", e.path, e.err) }
func (e *damagedError) Unwrap() error { return e.err }

// tidyState removes what cut runs have left beside the files of the node's
// state. Nothing else may be writing them.
func tidyState() error {
	faults := []error{removeArchiveCopies()}
	for _, path := range []string{nodeFile, copyOf(nodeFile), stepsFile, copyOf(stepsFile), initFile, netFile, proxyFile, leavingFile} {
		faults = append(faults, host.RemoveCutWrites(path))
	}
	return errors.Join(faults...)
}

// removeArchiveCopies removes those of a run that was cut.
func removeArchiveCopies() error {
	archives, err := filepath.Glob(filepath.Join(state, archiveCopies))
	faults := []error{err}
	for _, path := range archives {
		faults = append(faults, host.Remove(path))
	}
	return errors.Join(faults...)
}

// archiveCopies matches what image archives are copied to while they are loaded.
const archiveCopies = "image-*.tar"

// isMissing reports whether an error says that there is no such file.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// writeChanged writes a file of this user alone, unless it is there already.
func writeChanged(path string, data []byte) error {
	if there, err := host.ReadFile(path); err == nil && bytes.Equal(there, data) {
		return nil
	}
	if err := host.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return host.WriteFile(path, data, 0o600)
}
