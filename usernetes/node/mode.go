package node

import "context"

// A Mode is how packets come from the namespaces to the network and back. It is
// a value: each has a file of its own, and its place in Modes.
type Mode struct {
	Name        string                          // as the administrator gives it
	Unfit       func(ctx context.Context) error // why this machine can't have it; nil where each can
	RootlessKit []string                        // arguments, for the stack in user space
	Device      string                          // of the namespaces, by which packets go out
	MTU         func(n Node) int                // bytes of the largest packet that a node sends to another
	Ports       PortDriver                      // who opens ports

	// RootService: podsec-k8s-net.service makes Device and the pod network's
	// device, and the machine's kernel forwards their packets.
	RootService bool
	// OldNameserver: names are asked for good of the nameserver that the host had
	// when the namespaces were made.
	OldNameserver bool
}

// A PortDriver is who opens ports of the machine that lead into the namespaces.
// Source: rootlesskit's docs/port.md.
type PortDriver int

// The port drivers.
const (
	BesidePorts  PortDriver = iota // RootlessKit's builtin driver, in our process that runs RootlessKit
	ServicePorts                   // podsec-k8s-net.service; for what it can't lead, the driver as in BesidePorts
)

// stackMTU is what a stack in user space takes.
func stackMTU(n Node) int { return n.MTU }
