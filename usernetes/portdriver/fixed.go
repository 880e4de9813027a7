package portdriver

import (
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// FixedPorts lists the ports of a node that are open for as long as it runs.
func FixedPorts(n node.Node) []Port {
	ports := []Port{{Proto: "tcp", Number: node.KubeletPort}, {Proto: "udp", Number: node.VXLANPort}}
	if n.APIPort != 0 {
		ports = append(ports, Port{Proto: "tcp", Number: n.APIPort})
	}
	if n.EtcdPeers {
		ports = append(ports, Port{Proto: "tcp", Number: node.EtcdPort}, Port{Proto: "tcp", Number: node.PeerPort})
	}
	return ports
}

// PortsDir is the folder of the port driver that runs beside RootlessKit.
func PortsDir() string { return filepath.Join(node.OwnRuntimeDir(), "u7s/ports") }

// PortsSocket is where that driver is asked.
func PortsSocket() string { return filepath.Join(PortsDir(), "api.sock") }
