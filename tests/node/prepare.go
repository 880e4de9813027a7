// Package node boots test nodes: systemd-nspawn machines inside one outer
// machine, the hub, whose systemd keeps each node's processes, mounts and
// cgroups apart. When the hub ends, nothing of them is left.
package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/images"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
	"github.com/alt-cloud/podsec-k8s/tests/repository"
	"github.com/alt-cloud/podsec-k8s/tests/rootfs"
)

// Parts is where the things are that a node is made of.
type Parts struct {
	Root       string
	Installed  string // what lies over it when all is installed that podsec-k8s requires; "" in a bare node
	Images     string
	Repository string
	Packages   string // repository of podsec-k8s itself
}

// Prepare makes what a generation's nodes are made of, or finds it.
func Prepare(ctx context.Context, g generation.Generation) (Parts, error) {
	var p Parts
	var built programs.Programs
	work, both := errgroup.WithContext(ctx)
	work.Go(func() (err error) { built, err = programs.Build(both, g); return err })
	work.Go(func() (err error) { p.Root, err = rootfs.Build(both, g); return err })
	err := work.Wait()
	if err != nil {
		return p, err
	}
	if p.Images, err = images.Build(ctx, g, built); err != nil {
		return p, err
	}
	if p.Repository, err = repository.Build(ctx, g, built, p.Root); err != nil {
		return p, err
	}
	p.Packages = packagesDir(g)
	if _, err := os.Stat(filepath.Join(p.Packages, "repodata")); err == nil {
		return p, nil
	}
	if err := os.MkdirAll(p.Packages, 0o755); err != nil {
		return p, fmt.Errorf("making the repository of podsec-k8s: %w", err)
	}
	return p, repository.Index(ctx, p.Packages)
}

func packagesDir(g generation.Generation) string {
	return filepath.Join(cache.Dir(), "podsec-k8s-"+g.Name+labName())
}

// ControlPlaneImages makes the images of a control plane in static pods, and
// returns their directory, which every node has at the same place.
func ControlPlaneImages(ctx context.Context, g generation.Generation) (string, error) {
	built, err := programs.Build(ctx, g)
	if err != nil {
		return "", err
	}
	return images.BuildControlPlane(ctx, g, built)
}

// Package builds podsec-k8s from this checkout into the repository of its
// generation, alone there.
func Package(ctx context.Context, g generation.Generation) error {
	if err := empty(packagesDir(g)); err != nil {
		return fmt.Errorf("clearing the repository of podsec-k8s: %w", err)
	}
	return buildPackage(ctx, g, "", packagesDir(g))
}

// Newer builds podsec-k8s as another version into a repository that this node
// alone has, and returns the path of the directory in the node.
func (n *Node) Newer(ctx context.Context, version string) (string, error) {
	g, err := generation.Named(n.Generation)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(n.dir(), "lib/newer")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a repository for node %s: %w", n.Name, err)
	}
	return "/var/lib/newer", buildPackage(ctx, g, version, dir)
}

// KubeletUpdates returns a folder in the node with packages that take the place of
// its kubelet, see repository.Updates.
func (n *Node) KubeletUpdates(ctx context.Context) (string, error) {
	g, err := generation.Named(n.Generation)
	if err != nil {
		return "", err
	}
	built, err := programs.Build(ctx, g)
	if err != nil {
		return "", err
	}
	from, err := repository.Updates(ctx, g, built)
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(filepath.Join(n.dir(), "lib/updates"), os.DirFS(from)); err != nil {
		return "", fmt.Errorf("copying packages to node %s: %w", n.Name, err)
	}
	return "/var/lib/updates", nil
}

// buildPackage builds podsec-k8s into a repository. The version "" is the
// newest in the changelog.
func buildPackage(ctx context.Context, g generation.Generation, version, dir string) error {
	args := []string{"run", "./rpm", "--kubernetes", g.Minor(), "--out", dir}
	if version != "" {
		args = append(args, "--version", version)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = "..", os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building podsec-k8s: %w", err)
	}
	return repository.Index(ctx, dir)
}

// empty empties a folder but keeps it: nodes have it bound.
func empty(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
