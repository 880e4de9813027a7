package namespace

import (
	"context"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// jumpTarget is where a rule of iptables jumps to, "" when it does not.
func jumpTarget(fields []string) string {
	for i, field := range fields {
		if field == "-j" && i+1 < len(fields) {
			return fields[i+1]
		}
	}
	return ""
}

func iptablesRules(ctx context.Context, table string) (string, error) {
	out, err := host.Command{Path: "iptables", Args: []string{"--wait", "5", "--table", table, "--list-rules"}}.Output(ctx)
	return string(out), err
}

func hasRule(rules, chain, target string) bool {
	for line := range strings.Lines(rules) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "-A" && fields[1] == chain && jumpTarget(fields) == target {
			return true
		}
	}
	return false
}

// A Rule is one of iptables.
type Rule struct {
	Table, Chain string
	Args         []string
}

// Append adds the rule at the end of its chain, unless it is there.
func (r Rule) Append(ctx context.Context) error { return r.add(ctx, "--append") }

// Insert adds the rule at the beginning of its chain, unless it is there.
func (r Rule) Insert(ctx context.Context) error { return r.add(ctx, "--insert") }

func (r Rule) add(ctx context.Context, where string) error {
	if r.run(ctx, "--check") == nil {
		return nil
	}
	return r.run(ctx, where)
}

func (r Rule) run(ctx context.Context, what string) error {
	args := append([]string{"--wait", "5", "--table", r.Table, what, r.Chain}, r.Args...)
	return host.Command{Path: "iptables", Args: args}.Run(ctx)
}
