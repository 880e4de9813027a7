package namespace

import (
	"fmt"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
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
	args = append(args, "--port-driver=none") // see RunWithPortDriver
	args = append(args, n.Mode().RootlessKit...)
	return Program{Name: "rootlesskit", Args: append(args, node.Self, "unit", "namespace")}
}
