package namespace

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/hostfs"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// HostFolders lists the folders of the host that the node has an own layer
// over. All others it has as they are. What the node's programs write by
// themselves is never the host's: a rootful cluster's would not be theirs to
// change. Source: kubeadm's constants.go; CRI-O's pkg/config/config.go,
// DefaultConfig, and its pinns; crun(1), "--root".
func HostFolders() []hostfs.Folder {
	onDisk := func(path string, own ...string) hostfs.Folder {
		return hostfs.Folder{Path: path, Base: node.StatePath(path), Own: own}
	}
	return []hostfs.Folder{
		onDisk("/etc", "cni", "resolv.conf", "hosts"),
		onDisk("/etc/kubernetes", "pki", "manifests", "tmp", filepath.Base(node.PolicyDir), "admin.conf", "super-admin.conf",
			"kubelet.conf", "bootstrap-kubelet.conf", "controller-manager.conf", "scheduler.conf"),
		onDisk("/etc/crio"), // CRI-O makes a folder in it
		onDisk("/opt"),
		onDisk("/opt/cni"), // and in this
		onDisk("/srv"),
		onDisk("/var/lib", "kubelet", "etcd", "containers", "cni", "crio"),
		onDisk("/var/log", "pods", "containers", "crio"),
		{Path: "/run", Own: []string{
			"crio", "containers", "crun", "netns", "utsns", "ipcns", "pidns", "userns", "cni", "flannel", "kubernetes",
			"lock", "xtables.lock",
		}},
	}
}

// mergeHost gives the node its files: the host's, and its own. Mounts made
// later are seen by all that enter, and by containers that ask for it.
func mergeHost(ctx context.Context, n node.Node) (*hostfs.Merge, error) {
	nameserver, err := stackNameserver()
	if err != nil {
		return nil, err
	}
	// The copy was for RootlessKit to write to.
	if err := unix.Unmount("/etc", unix.MNT_DETACH); err != nil {
		return nil, message.Errorf("restoring the host's /etc: %w", err)
	}
	folders := HostFolders()
	if err := makeBases(folders); err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	iptables, err := findXtables()
	if err != nil {
		return nil, err
	}
	merge, err := hostfs.Start(hostfs.Options{
		Folders: folders,
		Files: []hostfs.MadeFile{
			{
				Path:  "/etc/resolv.conf",
				Make:  func(data []byte) []byte { return resolvConf(data, nameserver) },
				Check: sameNameservers(n.Mode()),
			},
			{
				Path:  "/etc/hosts",
				Make:  func(data []byte) []byte { return hostsFile(data, name, n.IP) },
				Check: func([]byte) *hostfs.Problem { return nil },
			},
		},
		Watch:  []string{iptables.folder},
		Keep:   func() error { return iptables.preferLegacy(ctx) },
		Report: reportHostFaults,
	})
	if err != nil {
		return nil, err
	}
	for _, path := range []string{"/run/crio", "/run/containers", "/run/flannel", "/run/lock", "/run/netns"} {
		if err := host.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
	}
	if err := unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		return nil, message.Errorf("making mounts shared: %w", err)
	}
	return merge, nil
}

// makeBases makes the node's own folders. Pods see those that are merged.
func makeBases(folders []hostfs.Folder) error {
	ensure := func(path string, perm fs.FileMode) error {
		if err := host.MkdirAll(node.StatePath(path), 0o755); err != nil {
			return message.Errorf("creating the node's %s: %w", path, err)
		}
		return host.Chmod(node.StatePath(path), perm)
	}
	if err := ensure("/var", 0o755); err != nil {
		return err
	}
	for _, f := range folders {
		if f.Base == "" {
			continue
		}
		if err := ensure(f.Path, 0o755); err != nil {
			return err
		}
	}
	for _, path := range node.Persistent() {
		perm := fs.FileMode(0o755)
		if filepath.Dir(path) == "/var/lib" {
			perm = 0o700
		}
		if err := ensure(path, perm); err != nil {
			return err
		}
	}
	return nil
}

func reportHostFaults(problems []hostfs.Problem) error {
	return node.NoteHostFiles.Save(append([]hostfs.Problem{}, problems...))
}

// HostFileWarnings reads for the status command what the node does not see of
// the host's files.
func HostFileWarnings() (lines []node.Problem) {
	var problems []hostfs.Problem
	if err := node.NoteHostFiles.Load(&problems); node.IsMissing(err) {
		return nil // it is not known yet
	} else if err != nil {
		return []node.Problem{node.NewProblem(message.Errorf("reading which of the host's files the node sees: %w", err))}
	}
	for _, p := range problems {
		lines = append(lines, node.Problem{Fault: p.Fault, Remedy: p.Remedy})
	}
	return lines
}

// endMerge takes the mount points away that are on disk, when all that ran in
// the node has ended.
func endMerge(ctx context.Context, merge *hostfs.Merge) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	return merge.End(ctx)
}
