package usernetes

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// goBack undoes what an earlier run has begun and not come to the end of.
func (w *Work) goBack(ctx context.Context) error {
	var restored []staticpod.Manifest
	for _, name := range staticpod.Components() {
		was, err := staticpod.RestoreManifest(name)
		if err != nil {
			return err
		}
		if !was {
			continue
		}
		m, err := staticpod.ReadManifest(name)
		if err != nil {
			return err
		}
		restored = append(restored, m)
	}
	for _, m := range restored {
		if err := w.awaitComponent(ctx, m); err != nil {
			return err
		}
	}
	for _, c := range allConfigured() {
		if err := w.restoreConfig(ctx, c); err != nil {
			return err
		}
	}
	return undoSaving(ctx)
}
