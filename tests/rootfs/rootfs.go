// Package rootfs makes the root file system of a node from Debian's packages.
package rootfs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// packages lists what every node has; those of ALT's own come as RPMs.
func packages() []string {
	return []string{
		"systemd", "systemd-sysv", "systemd-container", "dbus", "dbus-user-session", "libpam-systemd",
		"uidmap", "slirp4netns", "crun", "conmon", "fuse-overlayfs", "skopeo", "golang-github-containers-common",
		"containernetworking-plugins", "iptables", "ipset", "nftables", "conntrack", "ethtool", "iproute2", "iputils-ping",
		"socat", "curl", "procps", "psmisc", "kmod", "util-linux", "ca-certificates", "iperf3", "jq", "man-db", "strace",
		"dnf", "rpm",
	}
}

// more lists what only one Debian release has to give.
func more(suite string) []string {
	if suite == "trixie" {
		return []string{"rootlesskit", "passt"}
	}
	return nil
}

// Build returns the root file system of a generation's nodes.
func Build(ctx context.Context, g generation.Generation) (string, error) {
	all := slices.Concat(packages(), more(g.Suite))
	dir, err := cache.Get(ctx, "root-"+g.Suite, all, func(ctx context.Context, dir string) error {
		cmd := exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--variant=apt", "--include="+strings.Join(all, ","), g.Suite, filepath.Join(dir, "root"))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("installing %s (are Debian's packages reachable?): %w\n%s", g.Suite, err, out)
		}
		root := filepath.Join(dir, "root")
		if out, err := exec.CommandContext(ctx, "systemctl", "--root="+root, "enable", "systemd-networkd").CombinedOutput(); err != nil {
			return fmt.Errorf("enabling the network: %w\n%s", err, out)
		}
		return strip(root)
	})
	return filepath.Join(dir, "root"), err
}

// strip makes the root one that a first boot fills in, and moves what the
// release's own rootlesskit would hide out of the way: an RPM brings it.
func strip(root string) error {
	for _, path := range []string{"etc/machine-id", "var/lib/dbus/machine-id", "etc/hostname", "etc/resolv.conf"} {
		if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
			return err
		}
	}
	kept := filepath.Join(root, "usr/lib/rootlesskit")
	for _, name := range []string{"rootlesskit", "rootlessctl"} {
		from := filepath.Join(root, "usr/bin", name)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		if err := os.MkdirAll(kept, 0o755); err != nil {
			return err
		}
		if err := os.Rename(from, filepath.Join(kept, name)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(root, "etc/machine-id"), nil, 0o444)
}
