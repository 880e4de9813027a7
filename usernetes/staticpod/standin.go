package staticpod

import (
	"maps"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// standIn makes of kubeadm's manifest the pod that stands for the service in
// the cluster: the same name, labels, annotations and requests, with pause
// as its image. It is Ready exactly when the service answers the manifest's
// readiness probe, or its liveness probe where there is none. A liveness
// probe of its own would only restart pause, and the kubelet's growing pauses
// between such restarts would keep a service that is back from being Ready.
func standIn(m Manifest, pause string) (document.Document, error) {
	container, err := m.Container()
	if err != nil {
		return nil, err
	}
	pod := maps.Clone(m.pod)
	pod["metadata"] = standInMetadata(m)
	spec := maps.Clone(m.pod["spec"].(document.Document))
	delete(spec, "volumes")
	spec["containers"] = []any{standInContainer(container, pause)}
	pod["spec"] = spec
	delete(pod, "status")
	return pod, nil
}

func standInMetadata(m Manifest) document.Document {
	metadata, _ := m.pod["metadata"].(document.Document)
	metadata = maps.Clone(metadata)
	annotations, _ := metadata["annotations"].(document.Document)
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = document.Document{}
	}
	annotations[DigestAnnotation] = m.Digest
	metadata["annotations"] = annotations
	metadata["uid"] = standInUID(m)
	return metadata
}

// standInUID is the pod's uid. The kubelet would make one of the file's
// contents; with this one the log of the stand-in's container has a place
// that is known before. It changes with the manifest, as the kubelet's own
// does. Source: the kubelet's config/common.go, applyDefaults.
func standInUID(m Manifest) string { return m.Digest[:32] }

func standInContainer(container document.Document, pause string) document.Document {
	c := document.Document{
		"name": container["name"], "image": pause, "imagePullPolicy": "IfNotPresent",
		"readinessProbe": standInProbe(container),
	}
	for _, key := range []string{"resources", "ports"} {
		if value, ok := container[key]; ok {
			c[key] = value
		}
	}
	return c
}

// standInProbe asks every five seconds, and believes the second refusal.
func standInProbe(container document.Document) any {
	for _, key := range []string{"readinessProbe", "livenessProbe"} {
		probe, ok := container[key].(document.Document)
		if !ok {
			continue
		}
		probe = maps.Clone(probe)
		delete(probe, "initialDelaySeconds")
		probe["periodSeconds"], probe["failureThreshold"] = 5, 2
		return probe
	}
	return nil
}

func standInFile(name string) string {
	return node.StatePath(filepath.Join(node.StandInsDir, name+".yaml"))
}

// writeStandIn writes the stand-in of a component, unless it is there as it
// has to be.
func writeStandIn(name string, m Manifest, pause string) error {
	pod, err := standIn(m, pause)
	if err != nil {
		return message.Errorf("creating the stand-in of %s: %w", name, err)
	}
	data, err := yaml.Marshal(pod)
	if err != nil {
		return message.Errorf("creating the stand-in of %s: %w", name, err)
	}
	if err := node.WriteChanged(standInFile(name), data); err != nil {
		return message.Errorf("creating the stand-in of %s: %w", name, err)
	}
	return nil
}
