package node

import (
	"context"
	"fmt"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// askReboot reboots a node when the command itself is over.
const askReboot = "systemd-run --quiet --on-active=500ms --timer-property=AccuracySec=1ms systemctl reboot"

// Reboot reboots the node and waits until it is up again. Nobody is in the
// node while it goes down: its systemd stops every process before it ends
// them, a stopped one stops the nsenter outside, which nobody lets go on, and
// so the node would wait for ever until its dead process is asked for.
// Source: systemd's src/shutdown/shutdown.c, broadcast_signal; util-linux'
// sys-utils/nsenter.c, continue_as_child; pid_namespaces(7).
func (n *Node) Reboot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, rebootTimeout)
	defer cancel()
	before, err := n.leader(ctx)
	if err != nil {
		return err
	}
	if out, err := n.Output(ctx, askReboot); err != nil {
		return fmt.Errorf("rebooting node %s: %w: %s", n.Name, err, out)
	}
	for {
		if now, err := n.leader(ctx); err == nil && now != before {
			return n.WaitBooted(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("node %s did not reboot: %w", n.Name, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// PowerOff ends the node's machine as a power cut does; its disk is kept. Only
// systemd-nspawn is killed by name: it takes the machine with it, and systemctl
// fails when it finds a cgroup gone in which it was to kill the rest.
func (n *Node) PowerOff(ctx context.Context) error {
	if err := n.hub.run(ctx, "systemctl", "kill", "--kill-whom=main", "--signal=KILL", n.unit()); err != nil {
		return err
	}
	_ = n.hub.run(ctx, "systemctl", "stop", n.unit()) // it may have gone already
	if err := n.hub.run(ctx, "timeout", "180", "sh", "-c", `while ip link show "$0" >/dev/null 2>&1; do sleep 0.1; done`, n.link()); err != nil {
		return fmt.Errorf("the link of node %s has not gone with it: %w", n.Name, err)
	}
	return nil
}

// link is the hub's end of the node's network. The kernel takes it away some time after
// the node's last process, and until then the node can't be booted again.
// Source: systemd-nspawn(1), --network-bridge.
func (n *Node) link() string { return "vb-" + n.Name }

// PowerOn boots a node again that was powered off.
func (n *Node) PowerOn(ctx context.Context) error {
	g, err := generation.Named(n.Generation)
	if err != nil {
		return err
	}
	parts, err := Prepare(ctx, g)
	if err != nil {
		return err
	}
	if err := n.hub.run(ctx, n.nspawn(parts)...); err != nil {
		return fmt.Errorf("booting node %s again: %w", n.Name, err)
	}
	return n.WaitBooted(ctx)
}
