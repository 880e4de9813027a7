package node

import (
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A Replaceable is a file that says how a part of the node runs. Another one is put
// in its place on trial: the one before is kept until the part runs by it.
type Replaceable struct {
	Path   string // outside of the namespaces
	before string // where the one before is kept meanwhile
}

// ReplaceableFile is the file at a path. The name is of its part.
func ReplaceableFile(name, path string) Replaceable {
	return Replaceable{path, filepath.Join(StateDir, name+".before.yaml")}
}

// Replace puts another file in its place, and keeps the one before.
func (r Replaceable) Replace(data []byte) error {
	before, err := host.ReadFile(r.Path)
	if err == nil {
		err = host.WriteFile(r.before, before, 0o600)
	}
	if err != nil {
		return err
	}
	return host.WriteFile(r.Path, data, 0o600)
}

// Settle leaves the file in its place that is there, and forgets the one before.
func (r Replaceable) Settle() error { return host.Remove(r.before) }

// Restore puts the file back that was replaced, and reports whether there was one. It
// is kept until Settle, so that a caller that is cut does the same again.
func (r Replaceable) Restore() (bool, error) {
	if err := host.RemoveCutWrites(r.before); err != nil {
		return false, err
	}
	before, err := host.ReadFile(r.before)
	if IsMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, host.WriteFile(r.Path, before, 0o600)
}
