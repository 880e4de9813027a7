package staticpod

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// maxManifest is how many bytes a manifest may have.
// Source: the kubelet's config/config.go, maxConfigLength.
const maxManifest = 10 << 20

// A staticPod is a manifest of the administrator's: a pod that the kubelet is
// to run without being asked by the cluster.
type staticPod struct {
	file string // where the administrator has it
	copy string // name of its copy among the stand-ins
	data []byte
}

// staticPodFolders lists where the administrator may put manifests, as the
// administrator sees them, and how the names of the copies begin.
func staticPodFolders() map[string]string {
	return map[string]string{node.ManifestsDir: "host-", node.StatePath(node.ManifestsDir): "node-"}
}

// syncStaticPods gives the kubelet a copy of every manifest of the
// administrator's that can be a static pod, and takes away those that are
// none any more. What it refuses is a finding.
func syncStaticPods(found *manifestFindings) {
	wanted, names := map[string]bool{}, map[string]string{}
	for _, folder := range []string{node.ManifestsDir, node.StatePath(node.ManifestsDir)} {
		pods, err := readStaticPods(folder, found)
		if err != nil {
			found.add(folder, err)
			keepCopies(staticPodFolders()[folder], wanted) // nobody knows that they are gone
			continue
		}
		for _, pod := range pods {
			err := pod.check(names)
			if err == nil {
				err = node.WriteChanged(node.StatePath(filepath.Join(node.StandInsDir, pod.copy)), pod.data)
			}
			found.add(pod.file, err)
			wanted[pod.copy] = err == nil
		}
	}
	for _, name := range staticPodCopies("") {
		if !wanted[name] {
			found.add(node.StatePath(filepath.Join(node.StandInsDir, name)), host.Remove(node.StatePath(filepath.Join(node.StandInsDir, name))))
		}
	}
}

// keepCopies counts the copies of a folder as wanted.
func keepCopies(prefix string, wanted map[string]bool) {
	for _, name := range staticPodCopies(prefix) {
		wanted[name] = true
	}
}

// staticPodCopies lists the copies of manifests among the stand-ins, of one
// folder or, with "", of all.
func staticPodCopies(prefix string) (names []string) {
	entries, _ := os.ReadDir(node.StatePath(node.StandInsDir)) // without the folder there are none
	for _, entry := range entries {
		for _, of := range staticPodFolders() {
			if strings.HasPrefix(entry.Name(), of) && strings.HasPrefix(entry.Name(), prefix) {
				names = append(names, entry.Name())
			}
		}
	}
	return names
}

// readStaticPods reads the manifests in a folder, but for those of kubeadm's
// in the node's own. A folder that is not there has none. What can't be read,
// or is no manifest, is a finding.
func readStaticPods(folder string, found *manifestFindings) (pods []staticPod, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, host.WithRemedy(message.Errorf("the directory cannot be read: %w", err),
			"allow u7s-admin to read it: chgrp u7s-admin %s && chmod g+rx %s", folder, folder)
	}
	for _, entry := range entries {
		name := entry.Name()
		own := folder != node.ManifestsDir && IsComponent(strings.TrimSuffix(name, ".yaml"))
		if strings.HasPrefix(name, ".") || own {
			continue
		}
		file := filepath.Join(folder, name)
		data, err := readManifestFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			found.add(file, err)
			continue
		}
		pods = append(pods, staticPod{file, staticPodFolders()[folder] + name, data})
	}
	return pods, nil
}

// readManifestFile reads a file of a name that a manifest may have. It waits
// for no one: a pipe is no manifest.
func readManifestFile(file string) ([]byte, error) {
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) {
		return nil, host.NewFault("rename it to *.yaml, *.yml or *.json, or move it to another directory", "its name is not that of a manifest")
	}
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrPermission) {
		return nil, &host.Fault{Err: message.Errorf("%s cannot read it", node.Admin), Remedy: ReadRemedy(file)}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		return nil, host.NewFault("put a file there, or move it to another directory", "it is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(data) > maxManifest {
		return nil, host.NewFault("move it to another directory", "it is larger than %d bytes", maxManifest)
	}
	return data, err
}

// ReadRemedy is what to do for a file that u7s-admin may not read.
func ReadRemedy(file string) message.Text {
	return message.Of("chgrp %s %s && chmod 0640 %s", node.Admin, file, file)
}

// podName is the form of a pod's name and namespace.
// Source: the Kubernetes documentation, "Object Names and IDs", RFC 1123.
var podName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// check tells why a manifest can't be a static pod. names has the pods so
// far, and gets this one: each namespace and name is there once.
func (p staticPod) check(names map[string]string) error {
	const remedy = "correct the file, or move it to another directory; see the Kubernetes documentation, Create static Pods"
	docs, err := document.Parse(p.data)
	if err != nil {
		return host.NewFault(remedy, "%w", err)
	}
	if len(docs) != 1 {
		return host.NewFault(remedy, "a static pod must be one document, not %d", len(docs))
	}
	pod := docs[0]
	metadata := Nested(pod, "metadata")
	name, _ := metadata["name"].(string)
	space, _ := metadata["namespace"].(string)
	if space == "" {
		space = "default"
	}
	key := space + "/" + name
	switch other := names[key]; {
	case pod["kind"] != "Pod" || pod["apiVersion"] != "v1":
		return host.NewFault(remedy, "its kind is %q of %q, not Pod of v1", fmt.Sprint(pod["kind"]), fmt.Sprint(pod["apiVersion"]))
	case !podName.MatchString(name) || !podName.MatchString(space):
		return host.NewFault(remedy, "%q is not a pod name", key)
	case p.isComponent(space, name, Nested(metadata, "labels")):
		return host.NewFault("delete the file if it belongs to an earlier cluster",
			"it is named as a part of the control plane, which runs as a service here")
	case other != "":
		return host.NewFault("rename one of them", "%s already has a pod %s", other, key)
	}
	if err := checkStaticSpec(Nested(pod, "spec")); err != nil {
		return host.NewFault(remedy, "%w", err)
	}
	names[key] = p.file
	return nil
}

// isComponent tells the manifests of a control plane by file, name or label.
func (p staticPod) isComponent(space, name string, labels document.Document) bool {
	base := filepath.Base(p.file)
	label, _ := labels["component"].(string)
	return IsComponent(strings.TrimSuffix(base, filepath.Ext(base))) || space == "kube-system" && IsComponent(name) ||
		labels["tier"] == "control-plane" && IsComponent(label)
}

// checkStaticSpec looks for what the kubelet refuses without telling anyone
// but its log: no containers, and references to objects of the API.
// Source: the Kubernetes documentation, "Create static Pods"; the kubelet's
// HasAPIObjectReference.
func checkStaticSpec(spec document.Document) error {
	containers, _ := spec["containers"].([]any)
	if len(containers) == 0 {
		return message.New("it has no containers")
	}
	for _, item := range containers {
		container, _ := item.(document.Document)
		if container["name"] == nil || container["image"] == nil {
			return message.New("one of its containers has no name or no image")
		}
	}
	objects := []string{
		"serviceAccountName", "serviceAccount", "imagePullSecrets", "resourceClaims",
		"configMap", "configMapRef", "configMapKeyRef", "secret", "secretRef", "secretKeyRef",
		"persistentVolumeClaim", "ephemeral", "csi", "serviceAccountToken", "clusterTrustBundle",
	}
	if key := findKey(spec, objects); key != "" {
		return message.Errorf("a static pod cannot refer to objects of the cluster: %s", key)
	}
	return nil
}

// findKey returns the first of the keys that is anywhere in a value, and is
// not empty there.
func findKey(value any, keys []string) string {
	switch value := value.(type) {
	case document.Document:
		for key, inner := range value {
			if slices.Contains(keys, key) && inner != nil && !reflect.DeepEqual(inner, "") && !reflect.DeepEqual(inner, []any{}) {
				return key
			}
			if found := findKey(inner, keys); found != "" {
				return found
			}
		}
	case []any:
		for _, inner := range value {
			if found := findKey(inner, keys); found != "" {
				return found
			}
		}
	}
	return ""
}

// A manifestFinding is a manifest that is not run as it says.
type manifestFinding struct {
	File          string
	Fault, Remedy message.Text
}

func (f manifestFinding) same(other manifestFinding) bool {
	return f.File == other.File && f.Fault.Equal(other.Fault) && f.Remedy.Equal(other.Remedy)
}

// manifestFindings is what the follower leaves for the status command.
type manifestFindings struct{ Findings []manifestFinding }

func (f *manifestFindings) add(file string, err error) {
	if err != nil {
		line := node.NewProblem(err)
		f.Findings = append(f.Findings, manifestFinding{file, line.Fault, line.Remedy})
	}
}

// ManifestFaults reads the findings for the status command.
func ManifestFaults() (lines []node.Problem) {
	var f manifestFindings
	if err := node.NoteManifests.Load(&f); node.IsMissing(err) {
		return nil // nothing was looked at yet
	} else if err != nil {
		return []node.Problem{{Fault: message.Of("reading the data about manifests: %w", err)}}
	}
	for _, one := range f.Findings {
		lines = append(lines, node.Problem{Fault: message.Of("manifest %s: %s", one.File, one.Fault), Remedy: one.Remedy})
	}
	return lines
}
