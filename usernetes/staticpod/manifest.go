package staticpod

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// DigestAnnotation marks a stand-in with its manifest's digest, so that the
// pod's hash changes with the manifest: kubeadm upgrade waits for that.
const DigestAnnotation = "podsec-k8s/manifest-sha256"

// Etcd is the component that may be somewhere else.
const Etcd = "etcd"

// Components lists the control plane's parts by the names of their kubeadm
// manifests, in the order in which they start.
func Components() []string {
	return []string{Etcd, "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
}

// IsComponent reports whether it is the name of one.
func IsComponent(name string) bool { return slices.Contains(Components(), name) }

// A Manifest is one of kubeadm's static pods.
type Manifest struct {
	Name   string // of the component
	Data   []byte // the file
	Digest string // sha256 of the file, in hexadecimal
	pod    document.Document
}

// ManifestFile is the file of a component's manifest.
func ManifestFile(name string) string {
	return node.StatePath(filepath.Join(node.ManifestsDir, name+".yaml"))
}

// ReadManifest reads the manifest of a component; the error is
// fs.ErrNotExist when there is none.
func ReadManifest(name string) (Manifest, error) {
	data, err := host.ReadFile(ManifestFile(name))
	if err != nil {
		return Manifest{}, err
	}
	return ParseManifest(name, data)
}

// ParseManifest reads the manifest of a component.
func ParseManifest(name string, data []byte) (Manifest, error) {
	sum := sha256.Sum256(data)
	m := Manifest{Name: name, Data: data, Digest: hex.EncodeToString(sum[:])}
	if err := yaml.Unmarshal(data, &m.pod); err != nil {
		return m, message.Errorf("reading the manifest of %s: %w", name, err)
	}
	if _, err := m.Container(); err != nil {
		return m, message.Errorf("reading the manifest of %s: %w", name, err)
	}
	return m, nil
}

// Container returns the pod's only container.
func (m Manifest) Container() (document.Document, error) {
	spec, _ := m.pod["spec"].(document.Document)
	containers, _ := spec["containers"].([]any)
	if len(containers) != 1 {
		return nil, message.Errorf("it must have one container, not %d", len(containers))
	}
	container, ok := containers[0].(document.Document)
	if !ok {
		return nil, message.Errorf("its container is not a YAML mapping")
	}
	return container, nil
}

// Proxies returns the container's variables of a proxy, as an environment has them.
func (m Manifest) Proxies() (env []string, err error) {
	container, err := m.Container()
	if err != nil {
		return nil, err
	}
	variables, _ := container["env"].([]any)
	for _, variable := range variables {
		entry, _ := variable.(document.Document)
		value, _ := entry["value"].(string)
		if name := document.ItemName(variable); node.IsProxyVariable(name) {
			env = append(env, name+"="+value)
		}
	}
	return env, nil
}

// Command returns the container's command and arguments.
func (m Manifest) Command() ([]string, error) {
	container, err := m.Container()
	if err != nil {
		return nil, err
	}
	var argv []string
	for _, key := range []string{"command", "args"} {
		words, _ := container[key].([]any)
		for _, word := range words {
			text, ok := word.(string)
			if !ok {
				return nil, message.Errorf("its %s has %v, which is not text", key, word)
			}
			argv = append(argv, text)
		}
	}
	if len(argv) == 0 {
		return nil, message.Errorf("it has no command")
	}
	return argv, nil
}

func digestFile(name string) string {
	return filepath.Join(node.OwnRuntimeDir(), "u7s/manifests", name)
}

func saveDigest(name, digest string) error {
	if err := host.MkdirAll(filepath.Dir(digestFile(name)), 0o700); err != nil {
		return message.Errorf("recording the manifest of %s: %w", name, err)
	}
	return host.WriteFile(digestFile(name), []byte(digest), 0o600)
}

// RunningDigest tells the digest of the manifest that a service was started with,
// or "" when it was not started since boot.
func RunningDigest(name string) string {
	digest, err := host.ReadFile(digestFile(name))
	if err != nil {
		return ""
	}
	return string(digest)
}
