package guard

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// currentLine is statusLine for this machine as it is now.
func currentLine(s host.UnitState) string {
	if removed := steps.Removed(); removed != nil {
		return reasonLine(removed)
	}
	return statusLine(s, knownNode(), node.HostAddresses())
}

// statusLine is what systemctl status kubelet shows.
func statusLine(s host.UnitState, n *node.Node, addresses []netip.Prefix) string {
	if n == nil {
		return "there is no node on this machine yet: podsec-k8s-create-master or podsec-k8s join"
	}
	moved := node.CheckAddress(*n, addresses)
	switch {
	case moved != nil:
		return fmt.Sprintf("%s: %s", moved, moved.Remedy)
	case s.Up():
		return fmt.Sprintf("the rootless kubelet runs, pid %d", s.PID)
	case s.Skipped():
		return "the node is partly created: podsec-k8s status"
	case s.Active == "inactive":
		return fmt.Sprintf("the rootless kubelet was stopped: %s", node.StartRemedy(true))
	default:
		return fmt.Sprintf("the rootless kubelet is %s (%s): podsec-k8s status", s.Active, s.Result)
	}
}

// reasonLine puts a fault and its remedy into a status line.
func reasonLine(failed error) string {
	line := failed.Error()
	var known *host.Fault
	if errors.As(failed, &known) {
		line = fmt.Sprintf("%s: %s", line, known.Remedy)
	}
	return host.Printable(line)
}

// knownNode returns the node of this machine, or nil.
func knownNode() *node.Node {
	n, err := node.LoadNode()
	if err != nil {
		return nil
	}
	return &n
}
