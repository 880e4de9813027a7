package node

import "github.com/alt-cloud/podsec-k8s/host"

// NoNode is the fault of what needs a node, on a machine that has none.
func NoNode() *host.Fault {
	return host.NewFault("create it: podsec-k8s-create-master or podsec-k8s join", "there is no node on this machine yet")
}

// NotMaster is the fault of what only a control plane can do, on another node.
func NotMaster() *host.Fault {
	return host.NewFault("run it on a control plane", "this node is not a control plane")
}
