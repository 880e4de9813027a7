package node

import (
	"errors"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
)

// CopyFile copies a file of this user's that may be missing, and makes the folder for it.
func CopyFile(from, to string) error {
	data, err := host.ReadFile(from)
	if IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(host.MkdirAll(filepath.Dir(to), 0o700), host.WriteFile(to, data, 0o600))
}

// DraftOf is what a folder of copies is called while it is made.
func DraftOf(folder string) string { return folder + ".part" }
