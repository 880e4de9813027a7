package staticpod

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

// A FileUse is what is to be done with a file that a configuration names.
type FileUse int

// The uses.
const (
	UseFile   FileUse = iota // it is read
	UseFolder                // it is a folder that is read
	UseOutput                // it is written; its folder has to be there, or to be made
	UseStore                 // it is a folder that is written; there, or to be made
	UseVolume                // it is there, or made, by a hostPathType
)

// A NamedFile is a file or folder that a configuration names. It is only data.
type NamedFile struct {
	By   string // the field or flag that names it
	Path string // in the node
	Use  FileUse
	Kind HostPathType // for UseVolume
}

// A ComponentPart is where a ClusterConfiguration has the settings of a part
// of the control plane.
type ComponentPart struct {
	Name string
	path []string
}

// ComponentParts lists them.
// Source: kubeadm's reference pages of v1beta3 and v1beta4.
func ComponentParts() []ComponentPart {
	return []ComponentPart{
		{"apiServer", []string{"apiServer"}},
		{"controllerManager", []string{"controllerManager"}},
		{"scheduler", []string{"scheduler"}},
		{"etcd.local", []string{"etcd", "local"}},
	}
}

// Of returns the settings of the part; they may be nil.
func (p ComponentPart) Of(c kubeadm.Config) document.Document {
	part, _ := document.Lookup(c[kubeadm.KindCluster], p.path...).(document.Document)
	return part
}

// Files lists every file that a kubeadm configuration names.
func Files(c kubeadm.Config) (all []NamedFile) {
	if cluster := c[kubeadm.KindCluster]; cluster != nil {
		for _, part := range ComponentParts() {
			volumes := ExtraVolumes(part.Of(c))
			all = append(all, volumeFiles(part.Name, volumes)...)
			all = append(all, argFiles(part.Name+".extraArgs", kubeadm.ExtraArgs(part.Of(c)), volumes)...)
		}
		for _, key := range []string{"caFile", "certFile", "keyFile"} {
			all = appendFile(all, "etcd.external."+key, document.Lookup(cluster, "etcd", "external", key), UseFile)
		}
		all = appendFile(all, "etcd.local.dataDir", document.Lookup(cluster, "etcd", "local", "dataDir"), UseStore)
	}
	for _, kind := range []string{kubeadm.KindInit, kubeadm.KindJoin} {
		args := kubeadm.ExtraArgs(document.Document{"extraArgs": document.Lookup(c[kind], "nodeRegistration", "kubeletExtraArgs")})
		all = append(all, argFiles("nodeRegistration.kubeletExtraArgs", args, nil)...)
		all = appendFile(all, "patches.directory", document.Lookup(c[kind], "patches", "directory"), UseFolder)
	}
	for _, field := range kubeletFiles() {
		all = appendFile(all, kubeadm.KindKubelet+" "+strings.Join(field.path, "."), document.Lookup(c[kubeadm.KindKubelet], field.path...), field.use)
	}
	slices.SortStableFunc(all, func(a, b NamedFile) int { return strings.Compare(a.By+a.Path, b.By+b.Path) })
	return slices.CompactFunc(all, func(a, b NamedFile) bool { return a == b })
}

// A kubeletFile is a field of the kubelet's configuration that names a file.
type kubeletFile struct {
	path []string
	use  FileUse
}

// kubeletFiles lists them. Source: the reference page of kubelet.config.k8s.io/v1beta1.
func kubeletFiles() []kubeletFile {
	return []kubeletFile{
		{[]string{"tlsCertFile"}, UseFile},
		{[]string{"tlsPrivateKeyFile"}, UseFile},
		{[]string{"authentication", "x509", "clientCAFile"}, UseFile},
		{[]string{"resolvConf"}, UseFile},
		{[]string{"volumePluginDir"}, UseStore},
		{[]string{"podLogsDir"}, UseStore},
	}
}

// appendFile adds a file unless the value is none, or a name that kubeadm or
// podsec-k8s makes itself.
func appendFile(all []NamedFile, by string, value any, use FileUse) []NamedFile {
	path, _ := value.(string)
	if path == "" || KubeadmMakes(path) || audit.IsOwnPolicy(path) {
		return all
	}
	return append(all, NamedFile{By: by, Path: path, Use: use})
}

// ExtraVolumes reads the extraVolumes of a component.
func ExtraVolumes(part document.Document) (mounts []HostMount) {
	list, _ := part["extraVolumes"].([]any)
	for _, item := range list {
		entry, _ := item.(document.Document)
		text := func(key string) string { value, _ := entry[key].(string); return value }
		readOnly, _ := entry["readOnly"].(bool)
		mounts = append(mounts, HostMount{
			Volume: text("name"), source: text("hostPath"), Target: text("mountPath"),
			Kind: HostPathType(text("pathType")), readOnly: readOnly,
		})
	}
	return mounts
}

func volumeFiles(component string, volumes []HostMount) (all []NamedFile) {
	for _, v := range volumes {
		by := fmt.Sprintf("%s.extraVolumes %s", component, v.Volume)
		all = append(all, NamedFile{By: by + " hostPath", Path: v.source, Use: UseVolume, Kind: v.Kind})
	}
	return all
}

// argFiles lists the files that flags name, as the node has them: a component
// sees some of them by its volumes.
func argFiles(by string, args []kubeadm.Arg, volumes []HostMount) (all []NamedFile) {
	for _, a := range args {
		use, ok := flagUse(a.Name)
		if !ok || !strings.HasPrefix(a.Value, "/") {
			continue
		}
		path := fromVolume(filepath.Clean(a.Value), volumes)
		all = appendFile(all, by+" "+a.Name, path, use)
	}
	return all
}

// fromVolume returns where in the node a path of a component is.
func fromVolume(path string, volumes []HostMount) string {
	var nearest HostMount
	for _, v := range volumes {
		if within, _ := Below(path, v.Target); within && len(v.Target) > len(nearest.Target) {
			nearest = v
		}
	}
	if _, rest := Below(path, nearest.Target); nearest.Target != "" {
		return filepath.Join(nearest.source, rest)
	}
	return path
}

// Below reports whether a path is a folder or in it, and the rest of it.
func Below(path, folder string) (within bool, rest string) {
	rest, err := filepath.Rel(filepath.Clean(folder), path)
	return err == nil && filepath.IsAbs(folder) && filepath.IsLocal(rest), rest
}

// flagUse tells what a flag's path is for; ok is false for flags whose value
// begins with a slash and is no path.
// Source: the reference pages of kube-apiserver, kube-controller-manager,
// kube-scheduler and kubelet; etcd's "Configuration options".
func flagUse(flag string) (use FileUse, ok bool) {
	switch flag {
	case "authorization-always-allow-paths", "etcd-prefix", "cors-allowed-origins", "metrics-path", "service-account-issuer", "kubelet-cgroups",
		"system-cgroups", "system-reserved-cgroup", "kube-reserved-cgroup", "cgroup-root", "runtime-cgroups", "container-runtime-endpoint",
		"image-service-endpoint", "initial-cluster-token", "oidc-username-prefix", "oidc-groups-prefix":
		return 0, false
	case "audit-log-path", "log-file":
		return UseOutput, true
	case "cert-dir", "log-dir", "flex-volume-plugin-dir", "data-dir", "wal-dir", "root-dir", "volume-plugin-dir":
		return UseStore, true
	case "image-credential-provider-bin-dir":
		return UseFolder, true
	default:
		return UseFile, true
	}
}

// KubeadmMakes reports whether kubeadm itself makes a file or folder in the
// node. Source: kubeadm's constants.go.
func KubeadmMakes(path string) bool {
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
