package node

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// installedKubelet is where its package has it.
const installedKubelet = "/usr/bin/kubelet"

// RunsKept reports whether a program of a version of Kubernetes, "" for any, is run from
// the set that is kept of that version: there is one, and other programs are installed.
func RunsKept(version, name string) bool {
	return version != "" && host.Exists(filepath.Join(KeptSet(version), name)) && !installed(version)
}

// installed reports whether the installed programs are of a version, by what the kubelet
// says of itself. It is asked only where it is not the very file that was kept.
func installed(version string) bool {
	if host.SameFile(filepath.Join(KeptSet(version), "kubelet"), installedKubelet) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := host.Command{Name: "kubelet", Path: installedKubelet, Args: []string{"--version"}}.Output(ctx)
	return err == nil && strings.TrimSpace(string(out)) == "Kubernetes "+version
}
