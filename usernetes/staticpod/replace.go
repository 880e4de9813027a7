package staticpod

import (
	"errors"
	"log/slog"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// replaceable is the manifest of a component, in whose place another one is put.
func replaceable(name string) node.Replaceable {
	return node.ReplaceableFile(name, ManifestFile(name))
}

// ReplaceManifest puts a manifest in the place of a component's. The one before is
// kept: SettleManifest deletes it, and RestoreManifest puts it back.
func ReplaceManifest(name string, data []byte) error {
	if err := replaceable(name).Replace(data); err != nil {
		return message.Errorf("replacing the manifest of %s: %w", name, err)
	}
	return nil
}

// SettleManifest leaves the new manifest of a component in its place.
func SettleManifest(name string) error { return replaceable(name).Settle() }

// RestoreManifest puts the manifest back that was replaced and not settled. It reports
// whether there was one.
func RestoreManifest(name string) (bool, error) {
	was, err := replaceable(name).Restore()
	if was && err == nil {
		err = SettleManifest(name)
	}
	if err != nil {
		return false, message.Errorf("restoring the manifest of %s: %w", name, err)
	}
	return was, nil
}

// restoreManifests undoes what was cut before the component ran by a new manifest.
func restoreManifests() error {
	var faults []error
	for _, name := range Components() {
		restored, err := RestoreManifest(name)
		if restored {
			slog.Warn("a change was interrupted: the manifest before it is back", "component", name)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
