package namespace

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Rules as kube-proxy and CRI-O make them, by iptables --list-rules.
const (
	natRules = `-P PREROUTING ACCEPT
-N KUBE-HOSTPORTS
-N KUBE-HP-HJLX6XAFMDRXSSJJ
-N KUBE-NODEPORTS
-N KUBE-SVC-A
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m comment --comment "kube hostport portals" -m addrtype --dst-type LOCAL -j KUBE-HOSTPORTS
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kube hostport portals" -m addrtype --dst-type LOCAL -j KUBE-HOSTPORTS
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-HOSTPORTS -p tcp -m tcp --dport 9080 -j KUBE-HP-HJLX6XAFMDRXSSJJ
-A KUBE-HP-HJLX6XAFMDRXSSJJ -p tcp -m tcp -j DNAT --to-destination 10.244.0.13:8080
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-A
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-A -m comment --comment "default/kubernetes:https -> 192.0.2.10:6443" -j KUBE-SEP-B
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 192.0.2.10:6443
`
	filterRules = `-P FORWARD ACCEPT
-N KUBE-FORWARD
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
`
)

// without leaves lines out that begin with a text: what was flushed.
func without(rules, begin string) string {
	var left strings.Builder
	for line := range strings.Lines(rules) {
		if !strings.HasPrefix(line, begin) {
			left.WriteString(line)
		}
	}
	return left.String()
}

func TestProxyRulesFault(t *testing.T) {
	for _, c := range []struct {
		name, nat, filter, want string
	}{
		{"as made", natRules, filterRules, ""},
		{"nothing", "", "", "no rule leads from PREROUTING"},
		{"nat flushed", without(natRules, "-A"), filterRules, "no rule leads from PREROUTING"},
		{"filter flushed", natRules, without(filterRules, "-A"), "no rule leads from FORWARD"},
		{"no way out of the node", without(natRules, "-A OUTPUT"), filterRules, "from OUTPUT to KUBE-SERVICES"},
		{"a chain of its own flushed", without(natRules, "-A KUBE-SERVICES"), filterRules, "KUBE-SERVICES is empty"},
		{"a Service's chain flushed", without(natRules, "-A KUBE-SVC-A"), filterRules, "KUBE-SVC-A is empty"},
		{"an endpoint's chain flushed", without(natRules, "-A KUBE-SEP-B"), filterRules, "KUBE-SEP-B is empty"},
		{"no node ports are no fault", natRules, filterRules, ""},
	} {
		err := proxyRulesFault(c.nat, c.filter)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestHostPortsFlushed(t *testing.T) {
	saved := savedHostPorts(natRules)
	const want = `*nat
:KUBE-HOSTPORTS - [0:0]
:KUBE-HP-HJLX6XAFMDRXSSJJ - [0:0]
-A PREROUTING -m comment --comment "kube hostport portals" -m addrtype --dst-type LOCAL -j KUBE-HOSTPORTS
-A OUTPUT -m comment --comment "kube hostport portals" -m addrtype --dst-type LOCAL -j KUBE-HOSTPORTS
-A KUBE-HOSTPORTS -p tcp -m tcp --dport 9080 -j KUBE-HP-HJLX6XAFMDRXSSJJ
-A KUBE-HP-HJLX6XAFMDRXSSJJ -p tcp -m tcp -j DNAT --to-destination 10.244.0.13:8080
COMMIT
`
	if saved != want {
		t.Errorf("saved\n%s\nwant\n%s", saved, want)
	}
	for name, c := range map[string]struct {
		saved, nat string
		want       bool
	}{
		"as made":            {saved, natRules, false},
		"flushed":            {saved, without(natRules, "-A"), true},
		"deleted":            {saved, "", true},
		"no way to it":       {saved, without(natRules, "-A PREROUTING"), true},
		"no host ports":      {"", "", false},
		"no host ports left": {saved, without(without(without(natRules, "-N KUBE-HP"), "-A KUBE-HP"), "-A KUBE-HOSTPORTS"), false},
	} {
		if got := hostPortsFlushed(c.saved, c.nat); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got, want := withoutJumps(saved, without(natRules, "-A KUBE")), without(without(saved, "-A PREROUTING"), "-A OUTPUT"); got != want {
		t.Errorf("with the ways to it there it loads\n%s", got)
	}
}

// TestRecovery: a service is restarted when what was whole is not for two
// looks, and then has time to do its work.
func TestRecovery(t *testing.T) {
	fault, now := errors.New("flushed"), time.Now()
	r := recovery{}
	for range 3 {
		if r.due(fault, now) || r.report(fault) != nil {
			t.Error("what is still to be made counts as undone")
		}
	}
	if r.due(nil, now) || r.due(fault, now) {
		t.Error("one look is enough")
	}
	if r.report(fault) == nil {
		t.Error("a fault is kept quiet")
	}
	if !r.due(fault, now) {
		t.Error("two looks are not enough")
	}
	r.last = now
	if r.due(fault, now.Add(time.Second)) {
		t.Error("it has no time to do its work")
	}
	if !r.due(fault, now.Add(recoveryInterval+time.Second)) {
		t.Error("it is not tried again")
	}
}

func TestSameRoute(t *testing.T) {
	network, err := netlink.ParseIPNet("0.0.0.0/0")
	if err != nil {
		t.Fatal(err)
	}
	if !sameRoute(netlink.Route{Dst: network}, netlink.Route{}) {
		t.Error("a default route with a network is another than one without")
	}
}

// TestMendBridge: a bridge that was taken away is made anew, with the pods on it.
func TestMendBridge(t *testing.T) {
	playNode(t)
	network(t)
	p := newPodNetwork(aNode(node.SlirpMode))
	lease, err := ReadSubnet()
	if err != nil {
		t.Fatal(err)
	}
	ip(t, "link add veth1 type veth peer name pod1")
	if err := p.mendBridge(lease); err != nil {
		t.Fatal(err)
	}
	bridge, errBridge := netlink.LinkByName(PodBridge)
	pod, errPod := netlink.LinkByName("veth1")
	if errBridge != nil || errPod != nil || pod.Attrs().MasterIndex != bridge.Attrs().Index || bridge.Attrs().HardwareAddr.String() != "0a:58:0a:f4:01:01" {
		t.Errorf("%v, %v", bridge, pod)
	}
	ip(t, "route delete 10.244.1.0/24 dev cni0", "link set veth1 up", "link set pod1 up")
	if err := p.mendBridge(lease); err != nil {
		t.Error(err)
	}
	if routes, err := netlink.RouteGet(net.IPv4(10, 244, 1, 7)); err != nil || routes[0].LinkIndex != bridge.Attrs().Index {
		t.Errorf("%v, %v", routes, err)
	}
	if err := os.Remove(CNIFile); err != nil {
		t.Fatal(err)
	}
	ip(t, "link delete cni0")
	if err := p.mendBridge(lease); err != nil || hasAddress(PodBridge, "10.244.1.1/24") {
		t.Errorf("before it was made: %v", err)
	}
}

// TestMendOverlay: flanneld is started anew when its device or a route has gone,
// and not while it has not done its work once.
func TestMendOverlay(t *testing.T) {
	s := playNode(t)
	network(t)
	s.Set("u7s-flanneld.service", map[string]any{"ActiveState": "active"})
	p := newPodNetwork(aNode(node.SlirpMode))
	if err := p.mendOverlay(t.Context()); err != nil || len(s.Calls()) > 0 {
		t.Errorf("while it starts: %q, %v", s.Calls(), err)
	}
	addOverlay(t)
	if err := p.mendOverlay(t.Context()); err != nil {
		t.Errorf("well: %v", err)
	}
	for undo, want := range map[string]string{
		"route delete 10.244.2.0/24 dev flannel.1": "the pod network's route to 10.244.2.0/24 does not exist any more",
		"address flush dev flannel.1":              "has lost its address",
		"link set flannel.1 down":                  "is down",
		"link delete flannel.1":                    "the pod network's device flannel.1: ",
	} {
		p := newPodNetwork(aNode(node.SlirpMode))
		if _, err := netlink.LinkByName(overlayDevice); err == nil {
			ip(t, "link delete flannel.1")
		}
		addOverlay(t)
		if err := p.mendOverlay(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := len(s.Calls())
		ip(t, undo)
		for range 2 { // it may be in the middle of its work
			if err := p.mendOverlay(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", undo, err)
			}
		}
		if calls := s.Calls()[before:]; len(calls) != 1 || calls[0] != "restart u7s-flanneld.service" {
			t.Errorf("%s: %q", undo, calls)
		}
	}
	s.Set("u7s-flanneld.service", map[string]any{"ActiveState": "inactive"})
	before := len(s.Calls())
	if err := p.flannel.restart(t.Context(), nil); err != nil || len(s.Calls()) != before {
		t.Errorf("one that was stopped by hand: %v", err)
	}
}

// TestMendRules: kube-proxy is started anew when its rules were flushed.
func TestMendRules(t *testing.T) {
	s := playNode(t)
	network(t)
	s.Set("u7s-kube-proxy.service", map[string]any{"ActiveState": "active"})
	p := newPodNetwork(aNode(node.SlirpMode))
	if err := p.mendRules(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := program(t, "iptables", `cat "$(dirname "$0")/$4"`)
	roottest.WriteFile(t, dir+"/nat", without(natRules, "-A KUBE-SERVICES"))
	roottest.WriteFile(t, dir+"/filter", filterRules)
	if err := p.mendRules(t.Context()); err != nil {
		t.Errorf("it was looked a moment ago: %v", err)
	}
	p.rules = time.Time{}
	for range 2 {
		if err := p.mendRules(t.Context()); err == nil {
			t.Error("the rules are whole")
		}
	}
	if calls := s.Calls(); len(calls) != 1 || calls[0] != "restart u7s-kube-proxy.service" {
		t.Errorf("%q", calls)
	}
	t.Setenv("PATH", t.TempDir())
	p.rules = time.Time{}
	if err := p.mendRules(t.Context()); err == nil {
		t.Error("rules that can't be read are whole")
	}
}
