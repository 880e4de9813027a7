package usernetes

// rootlessKit gives the command line that makes the node's namespaces and
// runs this program's namespace child in them.
// Source: rootlesskit's docs/process.md.
func rootlessKit(n Node) Program {
	args := []string{
		"--state-dir=" + rootlessKitDir(),
		"--copy-up=/etc", // it writes resolv.conf and hosts there
		"--cgroupns", "--ipcns", "--utsns", "--pidns", "--evacuate-cgroup2=u7s",
		"--propagation=rslave",
	}
	args = append(args, networkArgs(n)...)
	return Program{Name: "rootlesskit", Args: append(args, Self, "unit", "namespace")}
}
