package usernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
)

// digestAnnotation marks a stand-in with its manifest's digest, so that the
// pod's hash changes with the manifest: kubeadm upgrade waits for that.
const digestAnnotation = "podsec-k8s/manifest-sha256"

// etcd is the component that may be somewhere else.
const etcd = "etcd"

// components lists the control plane's parts by the names of their kubeadm
// manifests, in the order in which they start.
func components() []string {
	return []string{etcd, "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
}

func isComponent(name string) bool { return slices.Contains(components(), name) }

// A manifest is one of kubeadm's static pods.
type manifest struct {
	digest string // sha256 of the file, in hexadecimal
	pod    document
}

func manifestFile(name string) string { return kept(filepath.Join(manifestsDir, name+".yaml")) }

// readManifest reads the manifest of a component; the error is
// fs.ErrNotExist when there is none.
func readManifest(name string) (manifest, error) {
	data, err := host.ReadFile(manifestFile(name))
	if err != nil {
		return manifest{}, err
	}
	return parseManifest(name, data)
}

func parseManifest(name string, data []byte) (manifest, error) {
	sum := sha256.Sum256(data)
	m := manifest{digest: hex.EncodeToString(sum[:])}
	if err := yaml.Unmarshal(data, &m.pod); err != nil {
		return m, fmt.Errorf("reading the manifest of %s: %w", name, err)
	}
	if _, err := m.container(); err != nil {
		return m, fmt.Errorf("reading the manifest of %s: %w", name, err)
	}
	return m, nil
}

// container gives the pod's only container.
func (m manifest) container() (document, error) {
	spec, _ := m.pod["spec"].(document)
	containers, _ := spec["containers"].([]any)
	if len(containers) != 1 {
		return nil, fmt.Errorf("it has %d containers, not one", len(containers))
	}
	container, ok := containers[0].(document)
	if !ok {
		return nil, fmt.Errorf("its container is no mapping")
	}
	return container, nil
}

// command gives the container's command and arguments.
func (m manifest) command() ([]string, error) {
	container, err := m.container()
	if err != nil {
		return nil, err
	}
	var argv []string
	for _, key := range []string{"command", "args"} {
		words, _ := container[key].([]any)
		for _, word := range words {
			text, ok := word.(string)
			if !ok {
				return nil, fmt.Errorf("its %s has %v, which is no text", key, word)
			}
			argv = append(argv, text)
		}
	}
	if len(argv) == 0 {
		return nil, fmt.Errorf("it has no command")
	}
	return argv, nil
}

func runningFile(name string) string { return filepath.Join(runtimeDir(), "u7s/manifests", name) }

func noteRunning(name, digest string) error {
	if err := host.MkdirAll(filepath.Dir(runningFile(name)), 0o700); err != nil {
		return fmt.Errorf("noting the manifest of %s: %w", name, err)
	}
	return host.WriteFile(runningFile(name), []byte(digest), 0o600)
}

// running tells the digest of the manifest that a service was started with,
// or "" when it was not started since boot.
func running(name string) string {
	digest, err := host.ReadFile(runningFile(name))
	if err != nil {
		return ""
	}
	return string(digest)
}
