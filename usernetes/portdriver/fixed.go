package portdriver

import (
	"fmt"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A FixedPort is a port of the node's address that leads into the
// namespaces.
type FixedPort struct {
	Bind  string // address and port, as RootlessKit writes them
	Port  int
	Proto string
}

func (p FixedPort) String() string { return fmt.Sprintf("%s:%d/%s", p.Bind, p.Port, p.Proto) }

// FixedPorts lists those of a node.
func FixedPorts(n node.Node) []FixedPort {
	on := func(port int, proto string) FixedPort {
		return FixedPort{fmt.Sprintf("%s:%d", n.IP, port), port, proto}
	}
	ports := []FixedPort{on(node.KubeletPort, "tcp"), on(node.VXLANPort, "udp")}
	if n.APIPort != 0 {
		ports = append(ports, on(n.APIPort, "tcp"))
	}
	if n.EtcdPeers {
		ports = append(ports, on(node.EtcdPort, "tcp"), on(node.PeerPort, "tcp"))
	}
	return ports
}

// OwnPortDriver reports whether the port driver runs beside RootlessKit.
func OwnPortDriver(n node.Node) bool { return n.Mode() != node.SlirpMode }

// PortsDir is the folder of the port driver that runs beside RootlessKit.
func PortsDir() string { return filepath.Join(node.OwnRuntimeDir(), "u7s/ports") }

// PortsSocket is where that driver is asked.
func PortsSocket() string { return filepath.Join(PortsDir(), "api.sock") }
