package netpolicy

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// kube-router's chains for what is forwarded, and for what programs of the node send.
// Source: kube-router's pkg/controllers/netpol/network_policy_controller.go.
const (
	forwardChain = "KUBE-ROUTER-FORWARD"
	outputChain  = "KUBE-ROUTER-OUTPUT"
)

// chains and sets have the beginnings of the names that kube-router gives its own.
// Source: as above, and pkg/utils/ipset.go.
var (
	chains = []string{"KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-"}
	sets   = []string{"KUBE-SRC-", "KUBE-DST-", "TMP-"}
)

// trial is the name of a chain and a set that are made and taken away again.
const trial = "PODSEC-TRIAL"

// trialRules have every match and target of kube-router's rules.
const trialRules = `*filter
:` + trial + ` - [0:0]
-A ` + trial + ` -m comment --comment trial -m set --match-set ` + trial + ` src -m mark ! --mark 0x10000/0x10000 -j MARK --set-xmark 0x10000/0x10000
-A ` + trial + ` -p tcp -m addrtype --dst-type LOCAL -m multiport --dports 30000:32767 -j RETURN
-A ` + trial + ` -m physdev --physdev-is-bridged -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ` + trial + ` -m limit --limit 10/minute --limit-burst 10 -j NFLOG --nflog-group 100
-A ` + trial + ` -j REJECT
COMMIT
`

// Try finds out whether the kernel and iptables have what kube-router needs, which only
// logs where they have not. It runs in the node.
func Try(ctx context.Context) error {
	err := run(ctx, "", "ipset", "-exist", "create", trial, "hash:net", "family", "inet", "timeout", "0")
	if err == nil {
		err = run(ctx, trialRules, "iptables-restore", "--wait=5", "--noflush")
	}
	untry(ctx)
	return unable(err)
}

// TrySets finds out, before there is a node, whether the kernel has sets of addresses in
// namespaces of this user. Of namespaces that nobody may make, others tell.
func TrySets(ctx context.Context) error {
	in := []string{"--user", "--map-root-user", "--net", "--"}
	if run(ctx, "", "unshare", append(in, "true")...) != nil {
		return nil
	}
	return unable(run(ctx, "", "unshare", append(in, "ipset", "list", "-name")...))
}

// unable words why NetworkPolicies can't be enforced; nil is nil.
func unable(err error) error {
	if err == nil {
		return nil
	}
	return host.NewFault("load the kernel's modules: modprobe --all $(grep -v '^#' /lib/modules-load.d/podsec-k8s-network-policy.conf); or uninstall podsec-k8s-network-policy",
		"this machine cannot enforce NetworkPolicies: %w", err)
}

// untry takes away what a trial has made, as far as it came.
func untry(ctx context.Context) {
	for _, args := range [][]string{{"iptables", "--wait=5", "--flush", trial}, {"iptables", "--wait=5", "--delete-chain", trial}, {"ipset", "destroy", trial}} {
		_ = run(ctx, "", args[0], args[1:]...) // it may not be there
	}
}

// leave lets packets pass kube-router's chains that rules after these refuse, and which
// kube-router would accept: to an address of a Service, for what is forwarded with it has
// found no endpoint; and of a client from outside that comes as if it were a pod.
// Source: kube-proxy's pkg/proxy/iptables/proxier.go, "has no endpoints".
func leave(ctx context.Context, n node.Node) error {
	for _, rule := range []namespace.Rule{
		{Chain: forwardChain, Args: []string{"-d", n.ServiceCIDR.String()}},
		{Chain: outputChain, Args: namespace.Pretenders(n)},
	} {
		rule.Table, rule.Args = "filter", append(rule.Args, "-m", "comment", "--comment", "of podsec-k8s", "-j", "RETURN")
		_ = run(ctx, "", "iptables", "--wait=5", "--new-chain", rule.Chain) // it may be there
		if err := rule.Insert(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Clear takes kube-router's rules and sets away. kube-router must not run any more. It
// runs in the node. Its own --cleanup-config leaves them, and takes others away.
// Source: kube-router's pkg/cmd/kube-router.go, CleanupConfigAndExit.
func Clear(ctx context.Context) error {
	out, err := host.Command{Path: "iptables-save", Args: []string{"--table", "filter"}}.Output(ctx)
	if err != nil {
		return message.Errorf("listing the rules of NetworkPolicies: %w", err)
	}
	if text := clearing(string(out)); text != "" {
		if err := run(ctx, text, "iptables-restore", "--wait=5", "--noflush"); err != nil {
			return message.Errorf("deleting the rules of NetworkPolicies: %w", err)
		}
	}
	names, err := host.Command{Path: "ipset", Args: []string{"list", "-name"}}.Output(ctx)
	if err != nil {
		return message.Errorf("listing the sets of NetworkPolicies: %w", err)
	}
	for name := range strings.Lines(string(names)) {
		if name = strings.TrimSpace(name); begins(name, sets) {
			if err := run(ctx, "", "ipset", "destroy", name); err != nil {
				return message.Errorf("deleting the sets of NetworkPolicies: %w", err)
			}
		}
	}
	return nil
}

// clearing makes of what iptables-save prints the input of iptables-restore that deletes
// kube-router's chains, and the rules of others that lead there; "" when there are none.
func clearing(saved string) string {
	var flush, rules, drop strings.Builder
	for line := range strings.Lines(saved) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case strings.HasPrefix(fields[0], ":") && begins(fields[0][1:], chains):
			flush.WriteString(fields[0] + " - [0:0]\n")
			drop.WriteString("-X " + fields[0][1:] + "\n")
		case fields[0] == "-A" && !begins(fields[1], chains) && slices.ContainsFunc(fields[2:], func(word string) bool { return begins(word, chains) }):
			rules.WriteString("-D" + strings.TrimPrefix(line, "-A"))
		}
	}
	if flush.Len() == 0 {
		return ""
	}
	return "*filter\n" + flush.String() + rules.String() + drop.String() + "COMMIT\n"
}

func begins(name string, with []string) bool {
	return slices.ContainsFunc(with, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// run runs a program that gets a text.
func run(ctx context.Context, stdin, name string, args ...string) error {
	return host.Command{Path: name, Args: args, Stdin: bytes.NewBufferString(stdin)}.Run(ctx)
}
