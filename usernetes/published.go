package usernetes

import (
	"fmt"
	"path/filepath"
)

// A publishedPort is a port of the node's address that leads into the
// namespaces.
type publishedPort struct {
	bind  string // address and port, as RootlessKit writes them
	port  int
	proto string
}

func (p publishedPort) String() string { return fmt.Sprintf("%s:%d/%s", p.bind, p.port, p.proto) }

func published(n Node) []publishedPort {
	on := func(port int, proto string) publishedPort {
		return publishedPort{fmt.Sprintf("%s:%d", n.IP, port), port, proto}
	}
	ports := []publishedPort{on(kubeletPort, "tcp"), on(vxlanPort, "udp")}
	if n.APIPort != 0 {
		ports = append(ports, on(n.APIPort, "tcp"))
	}
	if n.EtcdPeers {
		ports = append(ports, on(etcdPort, "tcp"), on(peerPort, "tcp"))
	}
	return ports
}

// ownPortDriver reports whether the port driver runs beside RootlessKit.
func (n Node) ownPortDriver() bool { return n.mode() != slirpMode }

func portsDir() string { return filepath.Join(runtimeDir(), "u7s/ports") }

func portsSocket() string { return filepath.Join(portsDir(), "api.sock") }
