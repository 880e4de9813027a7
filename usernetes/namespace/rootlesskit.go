package namespace

import "github.com/alt-cloud/podsec-k8s/usernetes/node"

// RootlessKit returns the command line that makes the node's namespaces and
// runs this program's namespace child in them.
// Source: rootlesskit's docs/process.md.
func RootlessKit(n node.Node) Program {
	args := []string{
		"--state-dir=" + node.RootlessKitDir(),
		"--copy-up=/etc", // it writes resolv.conf and hosts there
		"--cgroupns", "--ipcns", "--utsns", "--pidns", "--evacuate-cgroup2=u7s",
		"--propagation=rslave",
	}
	args = append(args, networkArgs(n)...)
	return Program{Name: "rootlesskit", Args: append(args, node.Self, "unit", "namespace")}
}
