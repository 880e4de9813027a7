package usernetes

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// A fileUse is what is to be done with a file that a configuration names.
type fileUse int

const (
	useFile   fileUse = iota // it is read
	useFolder                // it is a folder that is read
	useOutput                // it is written; its folder has to be there, or to be made
	useStore                 // it is a folder that is written; there, or to be made
	useVolume                // it is there, or made, by a hostPathType
)

// A namedFile is a file or folder that a configuration names. It is only data.
type namedFile struct {
	By   string // the field or flag that names it
	Path string // in the node
	Use  fileUse
	Kind hostPathType // for useVolume
}

// A componentPart is where a ClusterConfiguration has the settings of a part
// of the control plane.
type componentPart struct {
	name string
	path []string
}

// componentParts lists them.
// Source: kubeadm's reference pages of v1beta3 and v1beta4.
func componentParts() []componentPart {
	return []componentPart{
		{"apiServer", []string{"apiServer"}},
		{"controllerManager", []string{"controllerManager"}},
		{"scheduler", []string{"scheduler"}},
		{"etcd.local", []string{"etcd", "local"}},
	}
}

// of returns the settings of the part; they may be nil.
func (p componentPart) of(c kubeadmConfig) document {
	part, _ := lookup(c[kindCluster], p.path...).(document)
	return part
}

// files lists every file that a kubeadm configuration names.
func (c kubeadmConfig) files() (all []namedFile) {
	if cluster := c[kindCluster]; cluster != nil {
		for _, part := range componentParts() {
			volumes := extraVolumes(part.of(c))
			all = append(all, volumeFiles(part.name, volumes)...)
			all = append(all, argFiles(part.name+".extraArgs", extraArgsOf(part.of(c)), volumes)...)
		}
		for _, key := range []string{"caFile", "certFile", "keyFile"} {
			all = appendFile(all, "etcd.external."+key, lookup(cluster, "etcd", "external", key), useFile)
		}
		all = appendFile(all, "etcd.local.dataDir", lookup(cluster, "etcd", "local", "dataDir"), useStore)
	}
	for _, kind := range []string{kindInit, kindJoin} {
		args := extraArgsOf(document{"extraArgs": lookup(c[kind], "nodeRegistration", "kubeletExtraArgs")})
		all = append(all, argFiles("nodeRegistration.kubeletExtraArgs", args, nil)...)
		all = appendFile(all, "patches.directory", lookup(c[kind], "patches", "directory"), useFolder)
	}
	for _, field := range kubeletFiles() {
		all = appendFile(all, kindKubelet+" "+strings.Join(field.path, "."), lookup(c[kindKubelet], field.path...), field.use)
	}
	slices.SortStableFunc(all, func(a, b namedFile) int { return strings.Compare(a.By+a.Path, b.By+b.Path) })
	return slices.CompactFunc(all, func(a, b namedFile) bool { return a == b })
}

// A kubeletFile is a field of the kubelet's configuration that names a file.
type kubeletFile struct {
	path []string
	use  fileUse
}

// kubeletFiles lists them. Source: the reference page of kubelet.config.k8s.io/v1beta1.
func kubeletFiles() []kubeletFile {
	return []kubeletFile{
		{[]string{"tlsCertFile"}, useFile},
		{[]string{"tlsPrivateKeyFile"}, useFile},
		{[]string{"authentication", "x509", "clientCAFile"}, useFile},
		{[]string{"resolvConf"}, useFile},
		{[]string{"volumePluginDir"}, useStore},
		{[]string{"podLogsDir"}, useStore},
	}
}

// appendFile adds a file unless the value is none, or a name that kubeadm
// makes itself.
func appendFile(all []namedFile, by string, value any, use fileUse) []namedFile {
	path, _ := value.(string)
	if path == "" || kubeadmMakes(path) {
		return all
	}
	return append(all, namedFile{By: by, Path: path, Use: use})
}

// extraVolumes reads the extraVolumes of a component.
func extraVolumes(part document) (mounts []hostMount) {
	list, _ := part["extraVolumes"].([]any)
	for _, item := range list {
		entry, _ := item.(document)
		text := func(key string) string { value, _ := entry[key].(string); return value }
		readOnly, _ := entry["readOnly"].(bool)
		mounts = append(mounts, hostMount{
			volume: text("name"), source: text("hostPath"), target: text("mountPath"),
			kind: hostPathType(text("pathType")), readOnly: readOnly,
		})
	}
	return mounts
}

func volumeFiles(component string, volumes []hostMount) (all []namedFile) {
	for _, v := range volumes {
		by := fmt.Sprintf("%s.extraVolumes %s", component, v.volume)
		all = append(all, namedFile{By: by + " hostPath", Path: v.source, Use: useVolume, Kind: v.kind})
	}
	return all
}

// An arg is one extra argument.
type arg struct{ name, value string }

// extraArgsOf reads the extraArgs of a component in the form of either
// version of kubeadm's configuration: a mapping, or a list of named values.
func extraArgsOf(part document) (args []arg) {
	switch list := part["extraArgs"].(type) {
	case document:
		for name, value := range list {
			args = append(args, arg{name, fmt.Sprint(value)})
		}
	case []any:
		for _, item := range list {
			entry, _ := item.(document)
			name, _ := entry["name"].(string)
			args = append(args, arg{name, fmt.Sprint(entry["value"])})
		}
	}
	return args
}

// argFiles lists the files that flags name, as the node has them: a component
// sees some of them by its volumes.
func argFiles(by string, args []arg, volumes []hostMount) (all []namedFile) {
	for _, a := range args {
		use, ok := flagUse(a.name)
		if !ok || !strings.HasPrefix(a.value, "/") {
			continue
		}
		path := fromVolume(filepath.Clean(a.value), volumes)
		all = appendFile(all, by+" "+a.name, path, use)
	}
	return all
}

// fromVolume returns where in the node a path of a component is.
func fromVolume(path string, volumes []hostMount) string {
	var nearest hostMount
	for _, v := range volumes {
		if within, _ := below(path, v.target); within && len(v.target) > len(nearest.target) {
			nearest = v
		}
	}
	if _, rest := below(path, nearest.target); nearest.target != "" {
		return filepath.Join(nearest.source, rest)
	}
	return path
}

// below reports whether a path is a folder or in it, and the rest of it.
func below(path, folder string) (within bool, rest string) {
	rest, err := filepath.Rel(filepath.Clean(folder), path)
	return err == nil && filepath.IsAbs(folder) && filepath.IsLocal(rest), rest
}

// flagUse tells what a flag's path is for; ok is false for flags whose value
// begins with a slash and is no path.
// Source: the reference pages of kube-apiserver, kube-controller-manager,
// kube-scheduler and kubelet; etcd's "Configuration options".
func flagUse(flag string) (use fileUse, ok bool) {
	switch flag {
	case "authorization-always-allow-paths", "etcd-prefix", "cors-allowed-origins", "metrics-path", "service-account-issuer", "kubelet-cgroups",
		"system-cgroups", "system-reserved-cgroup", "kube-reserved-cgroup", "cgroup-root", "runtime-cgroups", "container-runtime-endpoint",
		"image-service-endpoint", "initial-cluster-token", "oidc-username-prefix", "oidc-groups-prefix":
		return 0, false
	case "audit-log-path", "log-file":
		return useOutput, true
	case "cert-dir", "log-dir", "flex-volume-plugin-dir", "data-dir", "wal-dir", "root-dir", "volume-plugin-dir":
		return useStore, true
	case "image-credential-provider-bin-dir":
		return useFolder, true
	default:
		return useFile, true
	}
}

// kubeadmMakes reports whether kubeadm itself makes a file or folder in the
// node. Source: kubeadm's constants.go.
func kubeadmMakes(path string) bool {
	folder, name := filepath.Split(filepath.Clean(path))
	switch folder {
	case "/etc/kubernetes/":
		return slices.Contains([]string{
			"pki", "manifests", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf", "kubelet.conf", "bootstrap-kubelet.conf",
		}, name)
	case "/etc/kubernetes/pki/", "/etc/kubernetes/pki/etcd/":
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".crt"), ".key"), ".pub")
		return slices.Contains([]string{
			"etcd", "ca", "apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-ca", "front-proxy-client", "sa",
			"server", "peer", "healthcheck-client",
		}, base)
	case "/var/lib/":
		return name == "etcd" || name == "kubelet"
	case "/var/lib/kubelet/pki/":
		return true
	case "/usr/libexec/kubernetes/kubelet-plugins/volume/":
		return true // the default that kubeadm names whether it is there or not
	default:
		return false
	}
}
