package staticpod

import (
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// beforeFile keeps the manifest that another one was put in the place of, until the
// component runs by it.
func beforeFile(name string) string { return filepath.Join(node.StateDir, name+".before.yaml") }

// ReplaceManifest puts a manifest in the place of a component's. The one before is
// kept: SettleManifest deletes it, and RestoreManifest puts it back.
func ReplaceManifest(name string, data []byte) error {
	before, err := host.ReadFile(ManifestFile(name))
	if err == nil {
		err = host.WriteFile(beforeFile(name), before, 0o600)
	}
	if err == nil {
		err = host.WriteFile(ManifestFile(name), data, 0o600)
	}
	if err != nil {
		return message.Errorf("replacing the manifest of %s: %w", name, err)
	}
	return nil
}

// SettleManifest leaves the new manifest of a component in its place.
func SettleManifest(name string) error { return host.Remove(beforeFile(name)) }

// RestoreManifest puts the manifest back that was replaced and not settled. It reports
// whether there was one.
func RestoreManifest(name string) (bool, error) {
	if err := host.RemoveCutWrites(beforeFile(name)); err != nil {
		return false, err
	}
	before, err := host.ReadFile(beforeFile(name))
	if node.IsMissing(err) {
		return false, nil
	}
	if err == nil {
		err = host.WriteFile(ManifestFile(name), before, 0o600)
	}
	if err == nil {
		err = host.Remove(beforeFile(name))
	}
	if err != nil {
		return false, message.Errorf("restoring the manifest of %s: %w", name, err)
	}
	return true, nil
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
