package usernetes

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// A wayBack is a folder of copies of the node's files, which the node can go back to:
// each at its path as the node sees it. It is whole or not there.
type wayBack struct{ dir string }

// draft is what the folder is called while it is made.
func (b wayBack) draft() string { return node.DraftOf(b.dir) }

// forget deletes it.
func (b wayBack) forget() error { return errors.Join(host.RemoveAll(b.dir), host.RemoveAll(b.draft())) }

// save copies files of the node that may be missing, in the place of what was saved
// before, and lets more put others beside them.
func (b wayBack) save(files []string, more func(draft string) error) error {
	if err := errors.Join(b.forget(), host.MkdirAll(b.draft(), 0o700)); err != nil {
		return err
	}
	for _, path := range files {
		if err := node.CopyFile(node.StatePath(path), filepath.Join(b.draft(), path)); err != nil {
			return err
		}
	}
	if err := more(b.draft()); err != nil {
		return err
	}
	if err := host.SyncFileSystem(node.StateDir); err != nil {
		return err
	}
	return host.Rename(b.draft(), b.dir)
}

// putBack writes what was saved in its place again.
func (b wayBack) putBack() error {
	return b.each(func(path string) error { return node.CopyFile(filepath.Join(b.dir, path), node.StatePath(path)) })
}

// each does something with each file that was saved, which has to be there.
func (b wayBack) each(do func(path string) error) error {
	if !host.Exists(b.dir) {
		return host.NewFault("see whether the node is healthy: podsec-k8s status", "what this node could go back to is not there any more")
	}
	files, err := b.names()
	if err != nil {
		return err
	}
	for _, path := range files {
		if err := do(path); err != nil {
			return err
		}
	}
	return nil
}

// names lists the files that were saved, as the node sees them: those of the control
// plane's services last, for the services start with them.
func (b wayBack) names() (all []string, err error) {
	var manifests []string
	err = filepath.WalkDir(b.dir, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, b.dir)
		switch {
		case err != nil || entry.IsDir() || filepath.Dir(name) == "/":
		case filepath.Dir(name) == node.ManifestsDir:
			manifests = append(manifests, name)
		default:
			all = append(all, name)
		}
		return err
	})
	return append(all, manifests...), err
}

// kubeadmState lists what kubeadm writes of this node, as the node sees it. Of the
// folder of certificates it is all that is there.
// Source: kubeadm's phases/upgrade/staticpods.go and postupgrade.go.
func kubeadmState() (all []string, err error) {
	for _, name := range staticpod.Components() {
		all = append(all, filepath.Join(node.ManifestsDir, name+".yaml"))
	}
	all = append(all, node.AdminConf, "/etc/kubernetes/super-admin.conf", "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf",
		"/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/instance-config.yaml")
	pki := node.StatePath(node.PKIDir)
	err = filepath.WalkDir(pki, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		all = append(all, strings.TrimPrefix(path, node.StatePath("/")))
		return nil
	})
	if node.IsMissing(err) {
		err = nil // a site may have its certificates elsewhere
	}
	return all, err
}
