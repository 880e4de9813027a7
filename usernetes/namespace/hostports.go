package namespace

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// CRI-O's names: a table of nftables, or chains of iptables' table nat.
// Source: CRI-O's internal/hostport/hostport_{nftables,iptables}.go.
const (
	hostPortsTable = "crio-hostports"
	hostPortsChain = "KUBE-HOSTPORTS"
	hostPortChain  = "KUBE-HP-" // and more, for each host port
)

// hostPortRules are CRI-O's rules for the host ports of pods. CRI-O makes them
// with the pod, and never again.
type hostPortRules struct {
	nftables string // the table, at the last look
	iptables string // for iptables-restore
}

// mend loads rules again that were flushed. nat is what iptables has.
func (h *hostPortRules) mend(ctx context.Context, nat string) error {
	if hasChain(nat, hostPortsChain) || h.iptables != "" {
		return h.mendIptables(ctx, nat)
	}
	if _, err := host.LookPath("nft"); err != nil {
		return nil
	}
	table, err := host.Command{Path: "nft", Args: []string{"list", "table", "ip", hostPortsTable}}.Output(ctx)
	if err == nil {
		h.nftables = string(table)
		return nil
	}
	return loadHostPorts(ctx, "nft", []string{"-f", "-"}, h.nftables)
}

func (h *hostPortRules) mendIptables(ctx context.Context, nat string) error {
	if !hostPortsFlushed(h.iptables, nat) {
		h.iptables = savedHostPorts(nat)
		return nil
	}
	if h.iptables == "" {
		return host.NewFault("delete the pods that have host ports, so that they are created again: podsec-k8s kubectl get pods -A -o wide",
			"the rules of pods' host ports were deleted in the namespaces")
	}
	return loadHostPorts(ctx, "iptables-restore", []string{"--wait", "5", "--noflush"}, withoutJumps(h.iptables, nat))
}

// loadHostPorts loads saved rules; there may be none yet.
func loadHostPorts(ctx context.Context, program string, args []string, rules string) error {
	if rules == "" {
		return nil
	}
	slog.Warn("mending the rules of pods' host ports, which were flushed")
	if err := (host.Command{Path: program, Args: args, Stdin: strings.NewReader(rules)}).Run(ctx); err != nil {
		return message.Errorf("repairing the rules of pods' host ports: %w", err)
	}
	return nil
}

// hostPortsFlushed reports whether rules are gone: a way to CRI-O's chain, or
// what is in it. The chain itself stays for good.
func hostPortsFlushed(saved, nat string) bool {
	if !hasChain(nat, hostPortsChain) {
		return saved != ""
	}
	if !hasRule(nat, "PREROUTING", hostPortsChain) || !hasRule(nat, "OUTPUT", hostPortsChain) {
		return true
	}
	return strings.Contains(nat, "-N "+hostPortChain) && !strings.Contains(nat, "-A "+hostPortsChain+" ")
}

func hasChain(rules, chain string) bool { return strings.Contains(rules, "-N "+chain+"\n") }

// ofHostPorts reports whether a chain is CRI-O's.
func ofHostPorts(chain string) bool {
	return chain == hostPortsChain || strings.HasPrefix(chain, hostPortChain) ||
		chain == "CRIO-HOSTPORTS-MASQ" || strings.HasPrefix(chain, "CRIO-MASQ-")
}

// savedHostPorts picks CRI-O's rules out of table nat, for iptables-restore.
func savedHostPorts(nat string) string {
	var chains, rules strings.Builder
	for line := range strings.Lines(nat) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2:
		case fields[0] == "-N" && ofHostPorts(fields[1]):
			fmt.Fprintf(&chains, ":%s - [0:0]\n", fields[1])
		case fields[0] == "-A" && (ofHostPorts(fields[1]) || ofHostPorts(jumpTarget(fields))):
			rules.WriteString(line)
		}
	}
	return "*nat\n" + chains.String() + rules.String() + "COMMIT\n"
}

// withoutJumps leaves out of saved rules the ways to CRI-O's chains that are
// there still.
func withoutJumps(saved, nat string) string {
	var left strings.Builder
	for line := range strings.Lines(saved) {
		fields := strings.Fields(line)
		ofKernel := len(fields) > 1 && fields[0] == "-A" && !ofHostPorts(fields[1])
		if !ofKernel || !strings.Contains(nat, line) {
			left.WriteString(line)
		}
	}
	return left.String()
}
