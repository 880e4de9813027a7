package scriptlets

// subIDCount is how many subordinate ids of each kind a node needs at least.
// Source: the Kubernetes documentation on rootless nodes.
const subIDCount = 65536

// The node's user.
const (
	Admin = "u7s-admin"
	Home  = "/var/lib/u7s-admin"
)
