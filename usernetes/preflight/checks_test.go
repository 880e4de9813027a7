package preflight

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

var takesAll, _ = images.ParsePolicy([]byte(`{"default":[{"type":"insecureAcceptAnything"}]}`))

// machine is a host on which a node can be made.
func machine(kubernetes string) Facts {
	return Facts{
		Kubernetes: kubernetes, Hostname: "M1", DefaultIP: netip.MustParseAddr("192.0.2.10"),
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("127.0.0.1/8")},
		Routes:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		CgroupV2:  true, SubUIDs: units.SubIDCount, SubGIDs: units.SubIDCount, UserManager: true, Free: diskRoom,
		Images: images.ImageFacts{Policy: images.PolicyFacts{Policy: takesAll}},
	}
}

func TestPreflight(t *testing.T) {
	site := node.Node{
		Name: "m1", Kubernetes: "v1.26.3", IP: netip.MustParseAddr("192.0.2.10"), PodCIDR: node.DefaultSite().PodCIDR,
		ServiceCIDR: node.DefaultSite().ServiceCIDR, SlirpCIDR: node.DefaultSite().SlirpCIDR,
	}
	for _, c := range []struct {
		name  string
		spoil func(*Facts, *node.Node)
		fails []string
	}{
		{"good machine", func(*Facts, *node.Node) {}, nil},
		{"no cgroup v2", func(f *Facts, _ *node.Node) { f.CgroupV2 = false }, []string{"cgroup-v2"}},
		{"no tun", func(f *Facts, _ *node.Node) { f.Tun = errors.New("none") }, []string{"tun"}},
		{"newuidmap restricted", func(f *Facts, _ *node.Node) { f.Newuidmap = errors.New("denied") }, []string{"newuidmap"}},
		{"no sub-ids", func(f *Facts, _ *node.Node) { f.SubGIDs = 0 }, []string{"subordinate-ids"}},
		{"namespaces forbidden", func(f *Facts, _ *node.Node) { f.NoUserNS = "user.max_user_namespaces" }, []string{"user-namespaces"}},
		{"no sets of addresses", func(f *Facts, _ *node.Node) { f.Policies = host.NewFault("load them", "none") }, []string{"network-policy"}},
		{"image nowhere", func(f *Facts, _ *node.Node) {
			f.Images.Needed = []images.NeededImage{{Name: pauseName, Registry: host.NewFault("reach it", "none")}, {Name: dnsName, Stored: true}}
		}, []string{"images"}},
		{"archive that is cut", func(f *Facts, _ *node.Node) {
			f.Images.Archives = []images.Archive{{Name: "a.tar", Err: host.NewFault("bring it", "cut")}}
		}, []string{"image-archive"}},
		{"unreadable logins", func(f *Facts, _ *node.Node) { f.Images.NoAuth = errors.New("denied") }, []string{"image-auth-file"}},
		{"no policy", func(f *Facts, _ *node.Node) { f.Images.Policy.Err = errors.New("no such file") }, []string{"containers-policy"}},
		{"foreign address", func(_ *Facts, n *node.Node) { n.IP = netip.MustParseAddr("192.0.2.99") }, []string{"node-ip"}},
		{"loopback address", func(_ *Facts, n *node.Node) { n.IP = netip.MustParseAddr("127.0.0.1") }, []string{"node-ip"}},
		{"no address", func(_ *Facts, n *node.Node) { n.IP = netip.Addr{} }, []string{"node-ip"}},
		{"pods overlap services", func(_ *Facts, n *node.Node) { n.PodCIDR = netip.MustParsePrefix("10.0.0.0/8") }, []string{"networks"}},
		{"pods overlap the host", func(_ *Facts, n *node.Node) { n.PodCIDR = netip.MustParsePrefix("192.0.0.0/16") }, []string{"networks"}},
		{"disk full", func(f *Facts, _ *node.Node) { f.Free = diskRoom - 1 }, []string{"disk"}},
		{"too small a share of the disk free", func(f *Facts, _ *node.Node) { f.Free, f.Size = 14<<30, 100<<30 }, []string{"disk"}},
		{"just enough of the disk free", func(f *Facts, _ *node.Node) { f.Free, f.Size = 15<<30, 100<<30 }, nil},
		{"unfit mode", func(f *Facts, n *node.Node) {
			n.Network, f.Unfit = node.PastaMode, map[string]error{node.PastaMode: errors.New("none")}
		}, []string{"network-mode"}},
		{"unfit mode that is not asked for", func(f *Facts, _ *node.Node) { f.Unfit = map[string]error{node.PastaMode: errors.New("none")} }, nil},
		{"port taken", func(f *Facts, _ *node.Node) { f.TakenPorts = []string{"6443/tcp"} }, []string{"ports"}},
		{"all at once", func(f *Facts, _ *node.Node) {
			f.CgroupV2, f.UserManager, f.Images.Policy.Err = false, false, errors.New("no such file")
		}, []string{"cgroup-v2", "user-manager", "containers-policy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, n := machine("v1.26.3"), site
			c.spoil(&f, &n)
			var failed []string
			for _, finding := range Run(Checks(), f, n, nil) {
				if finding.Fault == nil {
					continue
				}
				failed = append(failed, finding.Check)
				if finding.Fault.Remedy.Empty() {
					t.Errorf("%s has no remedy", finding.Check)
				}
			}
			if !reflect.DeepEqual(failed, c.fails) {
				t.Errorf("failed %q, want %q", failed, c.fails)
			}
			if findings := Run(Checks(), f, n, c.fails); len(findings) != len(Checks())-len(c.fails) {
				t.Errorf("%d findings with %q ignored", len(findings), c.fails)
			}
		})
	}
}
