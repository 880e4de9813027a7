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
