package preflight

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestCheckNodeName(t *testing.T) {
	long := strings.Repeat("a", node.MaxLabel)
	for name, says := range map[string]string{
		"m1": "", "m1.example.org": "", "localhosts": "", "my-localhost": "", "m1.localdomain": "", "12345": "", "10.0.0.5": "", long: "",
		"":                           "no name",
		long + "a":                   "64 characters",
		long[:40] + "." + long[:30]:  "71 characters",
		strings.Repeat("a.", 5000):   "10000 characters",
		"localhost":                  "every machine",
		"localhost.localdomain":      "every machine",
		"localhost4.localdomain4":    "every machine",
		"localhost6":                 "every machine",
		"localhost.example.org":      "every machine",
		"m1.localhost":               "every machine",
		"ip6-localhost":              "every machine",
		"my_host":                    "lower-case letters",
		"M1":                         "lower-case letters", // kubeadm writes it small, and so do we
		"-m1":                        "lower-case letters",
		"m1.":                        "lower-case letters",
		"m1..example":                "lower-case letters",
		"(none)":                     "lower-case letters",
		"м1":                         "lower-case letters",
		"a b":                        "lower-case letters",
		"m1\x1b[2J":                  `\x1b`,
		strings.Repeat("\x1b", 9000): `\x1b`,
	} {
		checkFault(t, name, checkNodeName(Facts{}, node.Node{Name: name}), says)
	}
}

// checkFault compares an error with what it is to say, and "" is none. What a
// person reads is bounded.
func checkFault(t *testing.T, name string, err error, says string) {
	t.Helper()
	var f *host.Fault
	switch {
	case says == "" && err != nil:
		t.Errorf("%.80q: %v", name, err)
	case says == "":
	case !errors.As(err, &f) || f.Remedy.Empty() || !strings.Contains(err.Error()+"\n"+f.Remedy.String(), says) || len(err.Error()) > 2000:
		t.Errorf("%.80q: %v, which does not say %q", name, err, says)
	}
}

func TestCheckNodeIP(t *testing.T) {
	addresses := func(list ...string) (all []netip.Prefix) {
		for _, text := range list {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	both := addresses("127.0.0.1/8", "::1/128", "192.0.2.10/24", "198.51.100.1/32", "169.254.3.4/16", "fe80::1/64", "fd00::1/64")
	six := addresses("127.0.0.1/8", "::1/128", "169.254.3.4/16", "fe80::1/64", "2001:db8::1/64")
	for _, c := range []struct {
		ip   string
		own  []netip.Prefix
		says string
	}{
		{"192.0.2.10", both, ""},
		{"198.51.100.1", both, ""},
		{"", both, "no IPv4 default route"},
		{"fd00::1", both, "fd00::1 is not an IPv4 address"},
		{"fd00::1", both, "--node-ip 192.0.2.10"},
		{"fd00::99", both, "is not an IPv4 address"},
		{"::ffff:192.0.2.10", both, "is not an IPv4 address"},
		{"fe80::1%eth0", both, "is not an IPv4 address"},
		{"::", both, "is not an IPv4 address"},
		{"::1", both, "is not an IPv4 address"},
		{"0.0.0.0", both, "other machines can reach"},
		{"127.0.0.1", both, "other machines can reach"},
		{"127.0.0.2", both, "other machines can reach"},
		{"169.254.3.4", both, "other machines can reach"},
		{"224.0.0.1", both, "other machines can reach"},
		{"255.255.255.255", both, "other machines can reach"},
		{"192.0.2.99", both, "--node-ip 192.0.2.10, 198.51.100.1"},
		{"", six, "no IPv4 address"},
		{"2001:db8::1", six, "no IPv4 address"},
		{"127.0.0.1", six, "podsec-k8s needs IPv4"},
		{"", nil, "no IPv4 address"},
	} {
		var n node.Node
		if c.ip != "" {
			n.IP = netip.MustParseAddr(c.ip)
		}
		checkFault(t, c.ip, checkNodeIP(Facts{Addresses: c.own}, n), c.says)
	}
	n := node.Node{IP: netip.MustParseAddr("192.0.2.10"), Endpoint: "2001:db8::9"}
	checkFault(t, n.Endpoint, checkNodeIP(Facts{Addresses: both}, n), "endpoint 2001:db8::9 is an IPv6 address")
}

func TestNetworksAreOfIPv4(t *testing.T) {
	good := node.Node{PodCIDR: node.DefaultSite().PodCIDR, ServiceCIDR: node.DefaultSite().ServiceCIDR, SlirpCIDR: node.DefaultSite().SlirpCIDR}
	for says, spoil := range map[string]func(*node.Node){
		"": func(*node.Node) {},
		"pod network fd00::/48 is not an IPv4 network": func(n *node.Node) { n.PodCIDR = netip.MustParsePrefix("fd00::/48") },
		"service network fd00::/108":                   func(n *node.Node) { n.ServiceCIDR = netip.MustParsePrefix("fd00::/108") },
		"RootlessKit's network fd00::/64 is":           func(n *node.Node) { n.SlirpCIDR = netip.MustParsePrefix("fd00::/64") },
	} {
		n := good
		spoil(&n)
		checkFault(t, says, CheckNetworks(Facts{}, n), says)
	}
}
