package main

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// installedPlaces is where packages have their programs.
func installedPlaces() []string { return []string{"/usr/bin", "/usr/sbin"} }

// versionedPrograms lists Kubernetes' programs that say their version by --version. All
// that are installed have to be of one.
func versionedPrograms() []string {
	return []string{"kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"}
}

// keptPrograms lists all programs that a node runs and an upgrade replaces.
func keptPrograms() []string {
	return append(versionedPrograms(), "kubeadm", "kubectl", "etcd", "etcdctl", "etcdutl", "flanneld")
}

// installedVersion asks the installed kubeadm, which is root's, for its version. The
// other programs may be of another one while packages are changed: then mixed says so.
func installedVersion(ctx context.Context) (version string, mixed, err error) {
	out, err := programOutput(ctx, "kubeadm", "version", "-o", "short")
	if err != nil {
		return "", nil, host.WithRemedy(err, "install kubeadm's package again")
	}
	if _, err := upgrade.ParseVersion(out); err != nil {
		return "", nil, err
	}
	for _, name := range versionedPrograms() {
		if !slices.ContainsFunc(installedPlaces(), func(place string) bool { return exists(filepath.Join(place, name)) }) {
			continue
		}
		said, err := programOutput(ctx, name, "--version")
		if err != nil {
			return out, err, nil
		}
		if is := strings.TrimPrefix(said, "Kubernetes "); is != out {
			return out, message.Errorf("the installed %s is %s, but kubeadm is %s", name, host.Printable(is), out), nil
		}
	}
	return out, nil, nil
}

// versionTimeout is how long a program may take to say its version.
const versionTimeout = 20 * time.Second

func programOutput(ctx context.Context, name string, args ...string) (string, error) {
	path := filepath.Join(installedPlaces()[0], name)
	for _, place := range installedPlaces() {
		if exists(filepath.Join(place, name)) {
			path = filepath.Join(place, name)
		}
	}
	return runVersion(ctx, path, args...)
}

func runVersion(ctx context.Context, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := host.Command{Name: filepath.Base(path), Path: path, Args: args, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}}.Output(ctx)
	return strings.TrimSpace(string(out)), err
}

// etcdChanges reports whether the installed etcd is of another minor than this control
// plane's: then the older one can't read what the newer one has written.
// Source: etcd's documentation, "Downgrading etcd".
func etcdChanges(ctx context.Context, s upgrade.State) (bool, error) {
	if !s.ControlPlane {
		return false, nil
	}
	for _, place := range installedPlaces() {
		if exists(filepath.Join(place, "etcd")) {
			return otherEtcd(ctx, node.KeptSet(s.Version), place)
		}
	}
	return false, nil // it is somewhere else
}

// otherEtcd compares the minors of two installed or kept programs.
func otherEtcd(ctx context.Context, was, is string) (bool, error) {
	var minors []string
	for _, folder := range []string{was, is} {
		path := filepath.Join(folder, "etcd")
		if !exists(path) {
			return false, nil
		}
		out, err := runVersion(ctx, path, "--version")
		if err != nil {
			return false, err
		}
		found := etcdVersion.FindStringSubmatch(out)
		if found == nil {
			return false, message.Errorf("%s does not say its version", path)
		}
		minors = append(minors, found[1])
	}
	return minors[0] != minors[1], nil
}

// etcdVersion finds the minor in what etcd says.
var etcdVersion = regexp.MustCompile(`(?m)^etcd Version: ([0-9]+\.[0-9]+)\.`)

// programsQuestion asks of which versions this node needs programs, its own first. A
// package manager may wait for it.
var programsQuestion = question[nothing, []string]{
	name: "programs", timeout: 20 * time.Second,
	handle: func(context.Context, nothing) ([]string, error) { return usernetes.AskPrograms() },
	check:  checkVersions,
}

func checkVersions(versions []string) error {
	for _, version := range versions {
		if _, err := upgrade.ParseVersion(version); err != nil {
			return message.Errorf("the node reports an invalid version: %w", err)
		}
	}
	return nil
}

// keepPrograms keeps the installed programs where they are of the node's version, and
// deletes the sets that it does not need any more: what a package brings later changes
// nothing that runs.
func keepPrograms(ctx context.Context) error {
	needed, err := programsQuestion.ask(ctx, nothing{})
	if err != nil || len(needed) == 0 {
		return err
	}
	if !exists(node.KeptSet(needed[0])) {
		installed, mixed, err := installedVersion(ctx)
		if err != nil {
			return err
		}
		if mixed == nil && installed == needed[0] {
			if err := keepInstalled(installed); err != nil {
				return err
			}
		}
	}
	return host.DropPrograms(node.KeptDir, needed...)
}

// keepInstalled keeps the installed programs, which are of that version.
func keepInstalled(version string) error {
	return host.KeepPrograms(node.KeptSet(version), installedPlaces(), keptPrograms())
}

// keepOrWarn is keepPrograms for what does not fail by it.
func keepOrWarn(ctx context.Context, p *printer) {
	if has, err := hasCluster(); err != nil || !has {
		return
	}
	if err := keepPrograms(ctx); err != nil {
		p.aside("podsec-k8s: warning: the installed programs of Kubernetes were not kept: %s; do it later: %s", err, "podsec-k8s host apply")
	}
}

// dropPrograms deletes all that was kept.
func dropPrograms() error { return host.RemoveAll(filepath.Dir(node.KeptDir)) }
