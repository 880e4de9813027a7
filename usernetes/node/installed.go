package node

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// InstalledPlaces lists the folders of programs that packages have brought.
func InstalledPlaces() []string {
	return []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
}

// RunsKept reports whether the programs of a version of Kubernetes, "" for any, are run
// from the set that is kept of that version: there is one, and other programs are installed.
func RunsKept(version string) bool {
	p := programsOf(version)
	return p.has("") && !p.areInstalled()
}

// ProgramOf returns the path of a program of a version of Kubernetes: of the installed
// one, which may be a newer build, or of the kept one where another version is
// installed. Of a version that is not known here it is the name.
func ProgramOf(version, name string) string { return programsOf(version).path(name) }

// programs are those of one version of Kubernetes.
type programs struct {
	version   string
	kept      string   // the folder of the set that root keeps of them
	installed []string // the folders of what packages have brought, of this version or not
}

func programsOf(version string) programs {
	return programs{version, KeptSet(version), InstalledPlaces()}
}

// has reports whether a program, "" for any, is kept.
func (p programs) has(name string) bool {
	return p.version != "" && host.Exists(filepath.Join(p.kept, name))
}

func (p programs) path(name string) string {
	if filepath.Base(name) != name || !p.has(name) {
		return name
	}
	if path := p.search(name); path != "" && p.areInstalled() {
		return path
	}
	return filepath.Join(p.kept, name)
}

// search returns the path of an installed program, or "".
func (p programs) search(name string) string {
	for _, place := range p.installed {
		if path := filepath.Join(place, name); host.Exists(path) {
			return path
		}
	}
	return ""
}

// areInstalled reports whether what is installed is of this version, by what the kubelet
// says of itself. It is asked only where it is not the very file that was kept.
func (p programs) areInstalled() bool {
	kubelet := p.search("kubelet")
	if kubelet == "" || host.SameFile(filepath.Join(p.kept, "kubelet"), kubelet) {
		return kubelet != ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := host.Command{Name: "kubelet", Path: kubelet, Args: []string{"--version"}}.Output(ctx)
	return err == nil && strings.TrimSpace(string(out)) == "Kubernetes "+p.version
}
