package namespace

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// iptables has two implementations of itself, each under all of its names.
// Source: xtables-nft(8), xtables-legacy(8).
const (
	xtablesNFT    = "xtables-nft-multi"
	xtablesLegacy = "xtables-legacy-multi"
)

// An xtables puts iptables' legacy implementation in the place of the
// nftables one, in the node's mount namespace alone. The latter gives the
// kernel all rules in one netlink message, and who is not root of the initial
// user namespace has no right to one of more than net.core.wmem_default bytes:
// with a hundred Services kube-proxy could set no rule any more. Where
// the kernel or the machine lacks the legacy one, the other stays.
// Source: socket(7), SO_SNDBUFFORCE; iptables' nft.c, mnl_set_sndbuffer.
type xtables struct {
	folder  string // where a new version of iptables would come to
	program string // of the nftables implementation; "" when iptables is another
	told    bool   // that the legacy one does not work here
}

func findXtables() (*xtables, error) {
	iptables, err := host.LookPath("iptables")
	if err != nil {
		return nil, err
	}
	used, err := filepath.EvalSymlinks(iptables)
	if err != nil {
		return nil, message.Errorf("finding iptables: %w", err)
	}
	if filepath.Base(used) != xtablesNFT {
		return &xtables{folder: filepath.Dir(used)}, nil
	}
	return &xtables{folder: filepath.Dir(used), program: used}, nil
}

// preferLegacy mounts it, unless it is mounted. A new version that the host
// gets takes the mount away.
func (x *xtables) preferLegacy(ctx context.Context) error {
	if x.program == "" {
		return nil
	}
	legacy := filepath.Join(x.folder, xtablesLegacy)
	wanted, err := os.Stat(legacy)
	if used, ok := os.Stat(x.program); err == nil && ok == nil && os.SameFile(used, wanted) {
		return nil
	}
	if err == nil {
		err = host.Command{Path: legacy, Args: []string{"iptables", "-t", "nat", "-S"}}.Run(ctx)
	}
	if err != nil {
		x.tell(err)
		return nil
	}
	if err := unix.Mount(legacy, x.program, "", unix.MS_BIND, ""); err != nil {
		return message.Errorf("binding %q over %q: %w", legacy, x.program, err)
	}
	return nil
}

// tell tells once that the legacy implementation can't be used.
func (x *xtables) tell(err error) {
	if !x.told {
		slog.Warn("kube-proxy will fail with a hundred Services: there is only iptables' nftables implementation", "error", err)
	}
	x.told = true
}
