package namespace

import (
	"fmt"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// RootlessKit returns the command line that makes the node's namespaces and
// runs this program's namespace child in them.
// Source: rootlesskit's docs/process.md.
func RootlessKit(n node.Node) Program {
	args := []string{
		"--state-dir=" + node.RootlessKitDir(),
		"--copy-up=/etc", // it writes resolv.conf and hosts there
		"--cgroupns", "--ipcns", "--utsns", "--pidns", "--evacuate-cgroup2=u7s",
		"--propagation=rslave",
		"--cidr=" + n.SlirpCIDR.String(), fmt.Sprintf("--mtu=%d", n.MTU), "--disable-host-loopback",
	}
	args = append(args, n.Mode().RootlessKit...)
	args = append(args, portArgs(n)...)
	return Program{Name: "rootlesskit", Args: append(args, node.Self, "unit", "namespace")}
}

// portArgs has RootlessKit open the node's ports, where its port driver does not
// run beside it. Source: rootlesskit's docs/port.md.
func portArgs(n node.Node) []string {
	if portdriver.OwnPortDriver(n) {
		return []string{"--port-driver=none"}
	}
	args := []string{"--port-driver=builtin"}
	for _, p := range portdriver.FixedPorts(n) {
		args = append(args, fmt.Sprintf("--publish=%s:%d:%s", n.IP, p.Number, p.Key()))
	}
	return args
}
