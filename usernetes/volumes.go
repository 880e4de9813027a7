package usernetes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A hostPathType is what a hostPath volume says of its path.
// Source: the Kubernetes documentation, "Volumes", hostPath volume types.
type hostPathType string

// The types. Unset makes a folder where there is nothing, as CRI-O does.
const (
	pathUnset        hostPathType = ""
	pathFolder       hostPathType = "Directory"
	pathFolderOrMake hostPathType = "DirectoryOrCreate"
	pathFile         hostPathType = "File"
	pathFileOrMake   hostPathType = "FileOrCreate"
	pathSocket       hostPathType = "Socket"
	pathCharDevice   hostPathType = "CharDevice"
	pathBlockDevice  hostPathType = "BlockDevice"
)

func hostPathTypes() []hostPathType {
	return []hostPathType{
		pathUnset, pathFolder, pathFolderOrMake, pathFile, pathFileOrMake, pathSocket, pathCharDevice, pathBlockDevice,
	}
}

// fits reports whether a path of that mode is of the type.
func (t hostPathType) fits(mode fs.FileMode) bool {
	switch t {
	case pathFolder, pathFolderOrMake:
		return mode.IsDir()
	case pathFile, pathFileOrMake:
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

// A hostMount is a path of the node that a component sees at another place,
// or at the same one.
type hostMount struct {
	volume         string
	source, target string // in the node
	readOnly       bool
	kind           hostPathType
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
func (m manifest) mounts(env []variable) ([]hostMount, error) {
	container, err := m.container()
	if err != nil {
		return nil, err
	}
	volumes, err := hostPaths(m.pod)
	if err != nil {
		return nil, err
	}
	var all []hostMount
	list, _ := container["volumeMounts"].([]any)
	for _, item := range list {
		entry, _ := item.(document)
		mount, err := readMount(entry, volumes, env)
		if err != nil {
			return nil, err
		}
		all = append(all, mount)
	}
	if !slices.ContainsFunc(all, func(mount hostMount) bool { return !mount.kubeadms }) {
		return nil, nil
	}
	// Those of folders come before those of what is in them.
	slices.SortStableFunc(all, func(a, b hostMount) int { return strings.Compare(a.target, b.target) })
	return all, nil
}

// hostPaths reads the volumes of a pod by their names.
func hostPaths(pod document) (map[string]hostMount, error) {
	spec, _ := pod["spec"].(document)
	list, _ := spec["volumes"].([]any)
	all := map[string]hostMount{}
	for _, item := range list {
		entry, _ := item.(document)
		name, _ := entry["name"].(string)
		hostPath, _ := entry["hostPath"].(document)
		path, _ := hostPath["path"].(string)
		kind, _ := hostPath["type"].(string)
		if len(entry) != 2 || hostPath == nil || !cleanPath(path) {
			return nil, host.NewFault(notForService, "its volume %q is not of a hostPath", name)
		}
		if !slices.Contains(hostPathTypes(), hostPathType(kind)) {
			return nil, host.NewFault(notForService, "its volume %q is of the type %q, which there is not", name, kind)
		}
		all[name] = hostMount{volume: name, source: filepath.Clean(path), kind: hostPathType(kind)}
	}
	return all, nil
}

// readMount reads one of a container's volumeMounts.
// Source: the Kubernetes API reference, VolumeMount.
func readMount(entry document, volumes map[string]hostMount, env []variable) (hostMount, error) {
	text := func(key string) string { value, _ := entry[key].(string); return value }
	mount, ok := volumes[text("name")]
	target, sub := text("mountPath"), text("subPath")
	if expression := text("subPathExpr"); expression != "" {
		sub = expand(expression, env)
	}
	switch {
	case !ok:
		return mount, host.NewFault(notForService, "it mounts the volume %q, which it does not have", text("name"))
	case !cleanPath(target) || filepath.Clean(target) == "/":
		return mount, host.NewFault(notForService, "its volume %q can't be mounted at %q", mount.volume, target)
	case sub != "" && !filepath.IsLocal(sub):
		return mount, host.NewFault(notForService, "its volume %q has no subPath %q", mount.volume, sub)
	case text("mountPropagation") == "Bidirectional" || text("recursiveReadOnly") == "Enabled":
		return mount, host.NewFault(notForService, "its volume %q can't be mounted Bidirectional, nor read-only with all below it", mount.volume)
	}
	if sub != "" {
		mount.source, mount.kind = filepath.Join(mount.source, sub), pathUnset
	}
	mount.target = filepath.Clean(target)
	mount.readOnly, _ = entry["readOnly"].(bool)
	mount.kubeadms = mount.source == mount.target && kubeadmVolume(mount.volume)
	return mount, nil
}

// cleanPath reports whether a path is absolute and has no part "..".
// Source: the Kubernetes API's validation of hostPath volumes.
func cleanPath(path string) bool {
	return filepath.IsAbs(path) && !slices.Contains(strings.Split(path, "/"), "..")
}

// provide makes the mount's path where the type says so, with the modes that
// the kubelet gives it, and checks it.
func (h hostMount) provide() error {
	defer unix.Umask(unix.Umask(0o022))
	info, err := os.Stat(h.source)
	switch {
	case errors.Is(err, fs.ErrNotExist) && h.kind == pathFileOrMake:
		return host.WriteFile(h.source, nil, 0o644)
	case errors.Is(err, fs.ErrNotExist) && (h.kind == pathFolderOrMake || h.kind == pathUnset):
		return host.MkdirAll(h.source, 0o755)
	case err != nil:
		return err
	case !h.kind.fits(info.Mode()):
		return fmt.Errorf("%q is no %s", h.source, h.kind)
	}
	return nil
}
