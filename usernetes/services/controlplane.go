package services

import (
	"context"
	"slices"

	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// controlPlane lists the services that kubeadm's manifests describe.
func controlPlane() (all []Service) {
	for _, name := range staticpod.Components() {
		all = append(all, Service{
			Unit: units.Component(name), Program: name, Manifest: name,
			Run:    func(ctx context.Context, n node.Node) error { return staticpod.RunComponent(ctx, name, n) },
			Health: func(n node.Node) (Probe, bool) { return manifestHealth(name, n) },
		})
	}
	return all
}

// writtenManifests lists the parts of the control plane that have a manifest.
func writtenManifests() []string {
	return slices.DeleteFunc(staticpod.Components(), func(name string) bool {
		_, err := staticpod.ReadManifest(name)
		return err != nil
	})
}

func manifestHealth(name string, n node.Node) (Probe, bool) {
	m, err := staticpod.ReadManifest(name)
	if err != nil {
		return Probe{}, false
	}
	return readinessOf(m, n)
}

// followManifests is for the unit that starts these services. It reads the node
// itself.
func followManifests(ctx context.Context, _ node.Node) error { return staticpod.FollowManifests(ctx) }
