package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// CopyOf is where the second copy of a file of state is. There are two, for a
// disk may lose what it has told to be written: the first is replaced once the
// second is on the disk.
func CopyOf(path string) string { return path + ".copy" }

// SaveState writes a file of the node's state.
func SaveState(path string, data []byte) error {
	if err := host.WriteFile(CopyOf(path), data, 0o600); err != nil {
		return err
	}
	return host.WriteFile(path, data, 0o600)
}

// LoadState reads a file of the node's state, as JSON. One that is damaged is
// told of, and mended from its copy. There is none: then the error is
// fs.ErrNotExist. When both are damaged the error is a *damagedError.
func LoadState(path string, to any) error {
	data, err := host.ReadFile(path)
	if err != nil {
		return err
	}
	damage := json.Unmarshal(data, to)
	if damage == nil {
		return nil
	}
	if data, err = host.ReadFile(CopyOf(path)); err != nil || json.Unmarshal(data, to) != nil {
		return &DamagedError{path, damage}
	}
	slog.Warn("a file of the node's state was damaged, and is mended from its copy", "file", path, "damage", damage)
	return host.WriteFile(path, data, 0o600)
}

// A DamagedError is a file of the node's state that nothing can be read from.
type DamagedError struct {
	path string
	err  error
}

func (e *DamagedError) Error() string { return e.Say().String() }

// Say is Error in any language.
func (e *DamagedError) Say() message.Text { return message.Of("%q is damaged: %v", e.path, e.err) }

// Unwrap returns why.
func (e *DamagedError) Unwrap() error { return e.err }

// TidyState removes what cut runs have left beside the files of the node's
// state. Nothing else may be writing them.
func TidyState() error {
	faults := []error{RemoveArchiveCopies()}
	for _, path := range []string{NodeFile, CopyOf(NodeFile), StepsFile, CopyOf(StepsFile), MemberFile, CopyOf(MemberFile), RemovedFile, InitFile, ClusterFile, NetFile, ProxyFile, LeavingFile, RestoredFile, UpgradeFile, CopyOf(UpgradeFile), UpgradeConfig, MoveFile, CopyOf(MoveFile)} {
		faults = append(faults, host.RemoveCutWrites(path))
	}
	return errors.Join(faults...)
}

// RemoveArchiveCopies removes those of a run that was cut.
func RemoveArchiveCopies() error {
	archives, err := filepath.Glob(filepath.Join(StateDir, ArchiveCopies))
	faults := []error{err}
	for _, path := range archives {
		faults = append(faults, host.Remove(path))
	}
	return errors.Join(faults...)
}

// ArchiveCopies matches what image archives are copied to while they are loaded.
const ArchiveCopies = "image-*.tar"

// IsMissing reports whether an error says that there is no such file.
func IsMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// WriteChanged writes a file of this user alone, unless it is there already.
func WriteChanged(path string, data []byte) error {
	if there, err := host.ReadFile(path); err == nil && bytes.Equal(there, data) {
		return nil
	}
	if err := host.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return host.WriteFile(path, data, 0o600)
}
