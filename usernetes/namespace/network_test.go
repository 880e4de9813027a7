package namespace

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// network plays the namespaces' network: the tap device, and the pods' bridge and
// overlay as flanneld leaves them, with kube-proxy's rules.
func network(t *testing.T) {
	t.Helper()
	ip(t, "link add tap0 type veth peer name stack0", "link set stack0 up", "link set tap0 up", "address add 10.41.0.100/24 dev tap0", "route add default via 10.41.0.2")
	roottest.WriteFile(t, CNIFile, "{}")
	roottest.WriteFile(t, node.SubnetFile, "FLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\n")
	dir := program(t, "iptables", `cat "$(dirname "$0")/$4"`)
	roottest.WriteFile(t, dir+"/nat", natRules)
	roottest.WriteFile(t, dir+"/filter", filterRules)
	t.Cleanup(func() {
		for _, device := range []string{"tap0", PodBridge, overlayDevice, "veth1"} {
			if link, err := netlink.LinkByName(device); err == nil {
				if err := netlink.LinkDel(link); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func addOverlay(t *testing.T) {
	t.Helper()
	ip(t, "link add flannel.1 type vxlan id 1 local 127.0.0.1 dstport 8472 nolearning", "address add 10.244.1.0/32 dev flannel.1", "link set flannel.1 up", "route add 10.244.2.0/24 dev flannel.1")
}

func hasAddress(device, address string) bool {
	i, err := net.InterfaceByName(device)
	if err != nil || i.Flags&net.FlagUp == 0 {
		return false
	}
	all, _ := i.Addrs()
	for _, a := range all {
		if a.String() == address {
			return true
		}
	}
	return false
}

// TestKeepNetwork: what others undo in the namespaces is made anew, and what stays
// undone is noted.
func TestKeepNetwork(t *testing.T) {
	playNode(t)
	network(t)
	addOverlay(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := keepNetwork(ctx, aNode(node.SlirpMode), &clientWay{}); err != nil {
		t.Fatal(err)
	}
	wait := func(is func() bool) {
		t.Helper()
		for !is() {
			time.Sleep(time.Millisecond)
		}
	}
	wait(func() bool { return hasAddress(PodBridge, "10.244.1.1/24") })
	ip(t, "address flush dev tap0", "link set tap0 down")
	wait(func() bool { return hasAddress("tap0", "10.41.0.100/24") })
	wait(func() bool {
		routes, err := netlink.RouteGet(net.IPv4(192, 0, 2, 1))
		return err == nil && routes[0].Gw.String() == "10.41.0.2"
	})
}

// TestNetFaults: what was noted of the network is read for the status command.
func TestNetFaults(t *testing.T) {
	s := playNode(t)
	if lines := NetFaults(); lines != nil {
		t.Errorf("%+v", lines)
	}
	if err := saveNetFaults([]error{os.ErrPermission}); err != nil {
		t.Fatal(err)
	}
	if lines := NetFaults(); len(lines) != 1 || lines[0].Fault.String() != os.ErrPermission.Error() {
		t.Errorf("%+v", lines)
	}
	roottest.WriteFile(t, s.Dir+"/u7s/network.json", "{")
	if lines := NetFaults(); len(lines) != 1 || !strings.HasPrefix(lines[0].Fault.String(), "reading the state of the network: ") {
		t.Errorf("%+v", lines)
	}
}
