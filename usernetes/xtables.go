package usernetes

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// iptables has two implementations of itself, each under all of its names.
// Source: xtables-nft(8), xtables-legacy(8).
const (
	xtablesNFT    = "xtables-nft-multi"
	xtablesLegacy = "xtables-legacy-multi"
)

// preferLegacyXtables puts iptables' legacy implementation in the place of the
// nftables one, in the node's mount namespace alone. The latter gives the
// kernel all rules in one netlink message, and who is not root of the initial
// user namespace has no right to one of more than net.core.wmem_default bytes:
// with a hundred Services kube-proxy could set no rule any more. Where
// the kernel or the machine lacks the legacy one, the other stays.
// Source: socket(7), SO_SNDBUFFORCE; iptables' nft.c, mnl_set_sndbuffer.
func preferLegacyXtables(ctx context.Context, _ Node) error {
	iptables, err := host.LookPath("iptables")
	if err != nil {
		return err
	}
	used, err := filepath.EvalSymlinks(iptables)
	if err != nil {
		return fmt.Errorf("finding iptables: %w", err)
	}
	if filepath.Base(used) != xtablesNFT {
		return nil
	}
	legacy := filepath.Join(filepath.Dir(used), xtablesLegacy)
	works := host.Command{Path: legacy, Args: []string{"iptables", "-t", "nat", "-S"}}
	if err := works.Run(ctx); err != nil {
		slog.Warn("kube-proxy will fail with a hundred Services: there is only iptables' nftables implementation", "error", err)
		return nil
	}
	if err := unix.Mount(legacy, used, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding %q over %q: %w", legacy, used, err)
	}
	return nil
}
