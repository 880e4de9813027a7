package netpolicy

import (
	"context"
	"log/slog"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Package is the name of the package that brings kube-router.
const Package = "podsec-k8s-network-policy"

// router is kube-router, as that package installs it.
const router = node.LibexecDir + "/kube-router"

// Absent reports whether the package is not installed on this machine.
func Absent() bool { return !host.Exists(router) }

// Run has policies enforced until it is told to end, or kube-router ends. It runs in the
// node. Rules that an earlier one has left stay in force meanwhile, and after it.
func Run(ctx context.Context, n node.Node) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	if err := node.NotePolicySync.Save([]node.Problem{}); err != nil {
		return err
	}
	if err := Try(ctx); err != nil {
		return err
	}
	if err := awaitRights(ctx, n); err != nil {
		return err
	}
	if err := leave(ctx, n); err != nil {
		return err
	}
	cmd := kubeRouter(n)
	cmd.Stdout, cmd.Stderr = os.Stderr, &syncLog{out: os.Stderr, ended: noteSync}
	if err := cmd.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

// noteSync leaves word of rules that are not as the policies want them.
func noteSync(fault string) {
	lines := []node.Problem{}
	if fault != "" {
		lines = append(lines, node.Problem{
			Fault:  message.Of("not all NetworkPolicies are enforced as they are now: %s", host.Printable(fault)),
			Remedy: message.Plain("journalctl _SYSTEMD_USER_UNIT=" + units.Policy + " -n 50 --no-pager"),
		})
	}
	if err := node.NotePolicySync.Save(lines); err != nil {
		slog.Error("noting how NetworkPolicies are enforced", "error", err)
	}
}

// Faults reads what is wrong with their enforcement on this node.
func Faults() []node.Problem {
	if Absent() {
		return nil // what it has left word of is of before
	}
	lines, err := node.NotePolicySync.Problems()
	if err != nil {
		return []node.Problem{node.NewProblem(message.Errorf("reading how NetworkPolicies are enforced: %w", err))}
	}
	return lines
}

// kubeRouter is the firewall alone, with the kubelet's identity. It has no port for its
// health: there it would show whoever reaches the node its profiles, too. It looks for
// rules that others have taken away once a minute.
// Source: kube-router's docs/user-guide.md, "command line options"; its
// cmd/kube-router/kube-router.go, net/http/pprof. Of what it does it tells from v=1 on.
func kubeRouter(n node.Node) host.Command {
	return host.Command{
		Path: router, Env: append(os.Environ(), "NODE_NAME="+n.Name),
		Args: []string{
			"--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--run-loadbalancer=false",
			"--kubeconfig=" + node.KubeletConf, "--service-cluster-ip-range=" + n.ServiceCIDR.String(),
			"--iptables-sync-period=1m", "--health-port=0", "--metrics-port=0", "--v=1",
		},
	}
}
