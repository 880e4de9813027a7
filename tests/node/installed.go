package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// withRequired adds a layer to the parts, in which all is installed that
// podsec-k8s requires, and not podsec-k8s itself: a package manager takes ten
// times as long for these as for ours.
func (p Parts) withRequired(ctx context.Context, g generation.Generation) (Parts, error) {
	requires, err := exec.CommandContext(ctx, "sh", "-c", `rpm -qp --requires "$0"/*.rpm`, p.Packages).Output()
	if err != nil {
		return p, fmt.Errorf("asking podsec-k8s what it requires: %w", err)
	}
	p.Installed, err = cache.Get(ctx, "installed-"+g.Name, []string{installRequired, p.Root, p.Repository, string(requires)},
		func(ctx context.Context, dir string) error { return p.installRequired(ctx, dir) })
	return p, err
}

// installRequired runs in a mount namespace of its own: in the layer "up" it
// installs, and copies /var/lib, as both layers have it, to "lib".
const installRequired = `set -e
cd "$DIR" && mkdir work root && mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=up,workdir=work" root
systemd-nspawn --quiet --register=no --keep-unit --directory=root --bind-ro="$REPOSITORY":/srv/repo --bind-ro="$PACKAGES":/srv/podsec-k8s \
	sh -c 'dnf -q -y install $(dnf -q repoquery --requires --resolve --latest-limit=1 podsec-k8s)'
cp -a root/var/lib lib && umount root && rm -r work root`

func (p Parts) installRequired(ctx context.Context, dir string) error {
	if err := writeFiles(filepath.Join(dir, "up"), packageManager()); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--propagation=private", "sh", "-c", installRequired)
	cmd.Env = append(os.Environ(), "DIR="+dir, "ROOT="+p.Root, "REPOSITORY="+p.Repository, "PACKAGES="+p.Packages)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("installing what podsec-k8s requires: %w\n%s", err, out)
	}
	return nil
}

// layers returns the read-only layers of a node, the uppermost first, and the
// folder that its /var/lib is a copy of.
func (p Parts) layers() (layers, varLib string) {
	if p.Installed == "" {
		return p.Root, filepath.Join(p.Root, "var/lib")
	}
	return filepath.Join(p.Installed, "up") + ":" + p.Root, filepath.Join(p.Installed, "lib")
}
