package preflight

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
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// WithFiles adds what is found at the files that the planned configuration, and
// the cluster's, name. Those of the cluster's concern every machine that
// joins it; those of the control plane's parts only a control plane.
func (f Facts) WithFiles(n node.Node, planned []byte) Facts {
	config := kubeadm.Config{}
	docs, _ := document.Parse(planned) // our own, as formatDocuments wrote it
	for _, doc := range docs {
		kind, _ := doc["kind"].(string)
		config[kind] = doc
	}
	for kind, doc := range f.Cluster.Config {
		if kind != kubeadm.KindCluster || n.APIPort != 0 {
			config[kind] = doc
		}
	}
	f.Config = config
	for _, file := range staticpod.Files(config) {
		f.Files = append(f.Files, lookAt(file))
	}
	f.Patches = readPatches(config)
	return f
}

// lookAt looks for a file where the node is going to see it.
func lookAt(file staticpod.NamedFile) fileFact {
	fact := fileFact{NamedFile: file}
	if !staticpod.CleanPath(file.Path) {
		return fact
	}
	place := nodePlace(file.Path)
	info, err := os.Stat(place)
	if err != nil {
		fact.Err = err
		fact.Closed = closedAbove(place)
		fact.Writable = errors.Is(err, fs.ErrNotExist) && canMake(file.Path, file.Use == staticpod.UseVolume && file.Kind == staticpod.PathFileOrMake)
		return fact
	}
	fact.Mode = info.Mode().Type()
	fact.Closed = closedIn(place, file.Use == staticpod.UseFolder)
	fact.Readable = fact.Closed == ""
	fact.Writable = unix.Access(place, unix.W_OK) == nil
	return fact
}

// closedAbove returns the first folder on the way to a path that u7s-admin
// can't enter, or "".
func closedAbove(path string) string {
	for at := 1; ; {
		next := strings.IndexByte(path[at:], '/')
		if next < 0 {
			return ""
		}
		folder := path[:at+next]
		if errors.Is(unix.Access(folder, unix.X_OK), unix.EACCES) {
			return folder
		}
		at += next + 1
	}
}

// closedIn returns what u7s-admin can't read of a file, or of a folder and
// the files in it where all of them are read.
func closedIn(path string, all bool) string {
	if unix.Access(path, unix.R_OK) != nil {
		return path
	}
	if !all {
		return ""
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return path
	}
	for _, entry := range entries {
		if file := filepath.Join(path, entry.Name()); unix.Access(file, unix.R_OK) != nil {
			return file
		}
	}
	return ""
}

// madeFolders lists the folders in which a node has a place of its own on
// disk for what the host does not have there.
func madeFolders() (paths []string) {
	for _, f := range namespace.HostFolders() {
		if f.Base != "" {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// canMake reports whether a path can be made in the node, with the folders
// above it unless it is a bare file. Where the host has nothing of the first
// name below one of the node's folders, the node's own place is used;
// elsewhere u7s-admin has to be able to write to the host's.
func canMake(path string, bare bool) bool {
	path = filepath.Clean(path)
	if bare && !host.Exists(filepath.Dir(nodePlace(path))) {
		return false
	}
	if nodesAlone(path) {
		return true
	}
	for _, folder := range madeFolders() {
		within, rest := staticpod.Below(path, folder)
		if first, _, _ := strings.Cut(rest, "/"); within && !host.Exists(filepath.Join(folder, first)) {
			return true
		}
	}
	above := filepath.Dir(path)
	for !host.Exists(above) {
		above = filepath.Dir(above)
	}
	return unix.Access(above, unix.W_OK|unix.X_OK) == nil
}

// checkFiles tells of every file that the configuration names and the node
// can't use as it says.
func checkFiles(f Facts, _ node.Node) error {
	type group struct {
		by  []string
		err error
	}
	var groups []group
	for _, fact := range f.Files {
		err := fact.check()
		if err == nil {
			continue
		}
		same := func(g group) bool { return g.err.Error() == err.Error() }
		if at := slices.IndexFunc(groups, same); at >= 0 {
			groups[at].by = append(groups[at].by, fact.By)
		} else {
			groups = append(groups, group{[]string{fact.By}, err})
		}
	}
	var faults []error
	for _, g := range groups {
		faults = append(faults, placed(strings.Join(g.by, ", "), g.err))
	}
	return errors.Join(append(faults, checkVolumes(f.Config)...)...)
}

// check tells why a file can't be used.
func (f fileFact) check() error {
	if !staticpod.CleanPath(f.Path) {
		return host.NewFault("specify an absolute path without ..", "%q is not an absolute path", f.Path)
	}
	missing := errors.Is(f.Err, fs.ErrNotExist)
	switch {
	case f.Err != nil && !missing || missing && f.Closed != "":
		return host.WithRemedy(message.Errorf("%s cannot enter the directory %s, which is part of the path %s", node.Admin, f.Closed, f.Path),
			"move it to a directory that %s can enter, such as /etc/kubernetes, or allow it: chmod o+x %s", node.Admin, f.Closed)
	case missing && f.mayBeMade() && f.Writable:
		return nil
	case missing && f.mayBeMade():
		return host.WithRemedy(message.Errorf("%s does not exist, and %s cannot create it", f.Path, node.Admin),
			"create it: mkdir -p %s && chown %s %s", f.store(), node.Admin, f.store())
	case missing:
		return host.NewFault("put it there, or correct the configuration; podsec-k8s(8), FILES OF THE HOST, says what the node sees", "%s does not exist", f.Path)
	}
	return f.checkThere()
}

// checkThere checks a file that exists.
func (f fileFact) checkThere() error {
	folder := f.Mode.IsDir()
	switch {
	case f.Use == staticpod.UseVolume && !f.Kind.Fits(f.Mode):
		return host.NewFault("correct the pathType, or the path", "%s is not of the type %s", f.Path, f.Kind)
	case folder && (f.Use == staticpod.UseFile || f.Use == staticpod.UseOutput):
		return host.NewFault("specify a file", "%s is a directory", f.Path)
	case !folder && (f.Use == staticpod.UseFolder || f.Use == staticpod.UseStore):
		return host.NewFault("specify a directory", "%s is not a directory", f.Path)
	case (f.Use == staticpod.UseOutput || f.Use == staticpod.UseStore) && !f.Writable:
		return host.WithRemedy(message.Errorf("%s cannot write to %s", node.Admin, f.Path),
			"chown %s %s", node.Admin, f.Path)
	case f.reads() && !f.Readable && folder:
		return host.WithRemedy(message.Errorf("%s cannot read %s", node.Admin, f.Closed),
			"chgrp -R %s %s && chmod -R g+rX %s", node.Admin, f.Path, f.Path)
	case f.reads() && !f.Readable:
		return &host.Fault{Err: message.Errorf("%s cannot read %s", node.Admin, f.Path), Remedy: staticpod.ReadRemedy(f.Path)}
	}
	return nil
}

// reads reports whether the file is one that has to be readable.
func (f fileFact) reads() bool {
	return f.Use == staticpod.UseFile || f.Use == staticpod.UseFolder || f.Use == staticpod.UseVolume
}

// mayBeMade reports whether a file that is missing is made when it is needed.
func (f fileFact) mayBeMade() bool {
	return f.Use == staticpod.UseOutput || f.Use == staticpod.UseStore ||
		f.Use == staticpod.UseVolume && slices.Contains([]staticpod.HostPathType{staticpod.PathUnset, staticpod.PathFolderOrMake, staticpod.PathFileOrMake}, f.Kind)
}

// store returns the folder that has to be there for the file.
func (f fileFact) store() string {
	if f.Use == staticpod.UseOutput || f.Kind == staticpod.PathFileOrMake {
		return filepath.Dir(f.Path)
	}
	return f.Path
}

// checkVolumes tells of extraVolumes that can't be mounted.
func checkVolumes(c kubeadm.Config) (faults []error) {
	for _, part := range staticpod.ComponentParts() {
		for _, v := range staticpod.ExtraVolumes(part.Of(c)) {
			if err := checkVolume(v); err != nil {
				faults = append(faults, placed(part.Name+".extraVolumes "+v.Volume, err))
			}
		}
	}
	return faults
}

func checkVolume(v staticpod.HostMount) error {
	hides := func(path string) bool { within, _ := staticpod.Below(path, v.Target); return within }
	switch {
	case !staticpod.CleanPath(v.Target):
		return host.NewFault("specify an absolute path without ..", "the mountPath %q is not an absolute path", v.Target)
	case slices.ContainsFunc([]string{"/usr/bin", "/usr/sbin", "/proc", "/sys", "/dev"}, hides):
		return host.NewFault("choose another mountPath", "the mountPath %s would hide the program itself", v.Target)
	case !slices.Contains(staticpod.HostPathTypes(), v.Kind):
		return host.NewFault("see the Kubernetes documentation, Volumes, hostPath", "unknown pathType %q", v.Kind)
	}
	return nil
}
