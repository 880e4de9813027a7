package staticpod

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// A HostPathType is what a hostPath volume says of its path.
// Source: the Kubernetes documentation, "Volumes", hostPath volume types.
type HostPathType string

// The types. Unset makes a folder where there is nothing, as CRI-O does.
const (
	PathUnset        HostPathType = ""
	PathFolder       HostPathType = "Directory"
	PathFolderOrMake HostPathType = "DirectoryOrCreate"
	PathFile         HostPathType = "File"
	PathFileOrMake   HostPathType = "FileOrCreate"
	pathSocket       HostPathType = "Socket"
	pathCharDevice   HostPathType = "CharDevice"
	pathBlockDevice  HostPathType = "BlockDevice"
)

// HostPathTypes lists the types.
func HostPathTypes() []HostPathType {
	return []HostPathType{
		PathUnset, PathFolder, PathFolderOrMake, PathFile, PathFileOrMake, pathSocket, pathCharDevice, pathBlockDevice,
	}
}

// Fits reports whether a path of that mode is of the type.
func (t HostPathType) Fits(mode fs.FileMode) bool {
	switch t {
	case PathFolder, PathFolderOrMake:
		return mode.IsDir()
	case PathFile, PathFileOrMake:
		return mode.IsRegular()
	case pathSocket:
		return mode&fs.ModeSocket != 0
	case pathCharDevice:
		return mode&fs.ModeCharDevice != 0
	case pathBlockDevice:
		return mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0
	default:
		return true
	}
}

// A HostMount is a path of the node that a component sees at another place,
// or at the same one.
type HostMount struct {
	Volume         string
	source, Target string // in the node
	readOnly       bool
	Kind           HostPathType
	kubeadms       bool // kubeadm has put it there by itself
}

// kubeadmVolume reports whether a volume is one that kubeadm gives every
// control plane: a path of the node at its own place. A service sees it
// without a mount, and does without it where there is none.
// Source: kubeadm's phases/controlplane/volumes.go, phases/etcd.
func kubeadmVolume(name string) bool {
	return slices.Contains([]string{
		"ca-certs", "k8s-certs", "kubeconfig", "flexvolume-dir", "etcd-data", "etcd-certs", "etc-pki", "etc-pki-ca-trust", "etc-pki-tls-certs",
		"etc-ca-certificates", "usr-share-ca-certificates", "usr-local-share-ca-certificates",
	}, name) || strings.HasPrefix(name, "etcd-certs-")
}

// mounts reads the volumes of the manifest that its container mounts. There
// are none when all of them are kubeadm's own.
func (m Manifest) mounts(env []Variable) ([]HostMount, error) {
	container, err := m.Container()
	if err != nil {
		return nil, err
	}
	volumes, err := HostPaths(m.pod)
	if err != nil {
		return nil, err
	}
	var all []HostMount
	list, _ := container["volumeMounts"].([]any)
	for _, item := range list {
		entry, _ := item.(document.Document)
		mount, err := readMount(entry, volumes, env)
		if err != nil {
			return nil, err
		}
		all = append(all, mount)
	}
	if !slices.ContainsFunc(all, func(mount HostMount) bool { return !mount.kubeadms }) {
		return nil, nil
	}
	// Those of folders come before those of what is in them.
	slices.SortStableFunc(all, func(a, b HostMount) int { return strings.Compare(a.Target, b.Target) })
	return all, nil
}

// HostPaths reads the volumes of a pod by their names.
func HostPaths(pod document.Document) (map[string]HostMount, error) {
	spec, _ := pod["spec"].(document.Document)
	list, _ := spec["volumes"].([]any)
	all := map[string]HostMount{}
	for _, item := range list {
		entry, _ := item.(document.Document)
		name, _ := entry["name"].(string)
		hostPath, _ := entry["hostPath"].(document.Document)
		path, _ := hostPath["path"].(string)
		kind, _ := hostPath["type"].(string)
		if len(entry) != 2 || hostPath == nil || !CleanPath(path) {
			return nil, host.NewFault(NotForService, "its volume %q is not a hostPath", name)
		}
		if !slices.Contains(HostPathTypes(), HostPathType(kind)) {
			return nil, host.NewFault(NotForService, "its volume %q has the unknown type %q", name, kind)
		}
		all[name] = HostMount{Volume: name, source: filepath.Clean(path), Kind: HostPathType(kind)}
	}
	return all, nil
}

// readMount reads one of a container's volumeMounts.
// Source: the Kubernetes API reference, VolumeMount.
func readMount(entry document.Document, volumes map[string]HostMount, env []Variable) (HostMount, error) {
	text := func(key string) string { value, _ := entry[key].(string); return value }
	mount, ok := volumes[text("name")]
	target, sub := text("mountPath"), text("subPath")
	if expression := text("subPathExpr"); expression != "" {
		sub = expand(expression, env)
	}
	switch {
	case !ok:
		return mount, host.NewFault(NotForService, "it mounts the volume %q, which it does not have", text("name"))
	case !CleanPath(target) || filepath.Clean(target) == "/":
		return mount, host.NewFault(NotForService, "its volume %q cannot be mounted at %q", mount.Volume, target)
	case sub != "" && !filepath.IsLocal(sub):
		return mount, host.NewFault(NotForService, "its volume %q has no subPath %q", mount.Volume, sub)
	case text("mountPropagation") == "Bidirectional" || text("recursiveReadOnly") == "Enabled":
		return mount, host.NewFault(NotForService, "its volume %q cannot be mounted Bidirectional, nor recursively read-only", mount.Volume)
	}
	if sub != "" {
		mount.source, mount.Kind = filepath.Join(mount.source, sub), PathUnset
	}
	mount.Target = filepath.Clean(target)
	mount.readOnly, _ = entry["readOnly"].(bool)
	mount.kubeadms = mount.source == mount.Target && kubeadmVolume(mount.Volume)
	return mount, nil
}

// CleanPath reports whether a path is absolute and has no part "..".
// Source: the Kubernetes API's validation of hostPath volumes.
func CleanPath(path string) bool {
	return filepath.IsAbs(path) && !slices.Contains(strings.Split(path, "/"), "..")
}

// provide makes the mount's path where the type says so, with the modes that
// the kubelet gives it, and checks it.
func (h HostMount) provide() error {
	defer unix.Umask(unix.Umask(0o022))
	info, err := os.Stat(h.source)
	switch {
	case errors.Is(err, fs.ErrNotExist) && h.Kind == PathFileOrMake:
		return host.WriteFile(h.source, nil, 0o644)
	case errors.Is(err, fs.ErrNotExist) && (h.Kind == PathFolderOrMake || h.Kind == PathUnset):
		return host.MkdirAll(h.source, 0o755)
	case err != nil:
		return err
	case !h.Kind.Fits(info.Mode()):
		return message.Errorf("%q is not of the type %s", h.source, h.Kind)
	}
	return nil
}
