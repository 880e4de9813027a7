package portdriver

import (
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestVethLeads: the root service leads what may come to any address of the
// namespaces; the rest goes by the port driver beside it.
func TestVethLeads(t *testing.T) {
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), Network: node.VethMode}
	v := &vethPorts{beside: Driver{Node: n}}
	for want, p := range map[string]Port{
		"30001 for []":        {Proto: "tcp", Number: 80, Target: 30001},
		"80 for [10.0.0.0/8]": {Proto: "tcp", Number: 80, Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		"192.0.2.10:80":       {Proto: "tcp", Number: 80, Child: n.IP},
		"192.0.2.10:30001":    {Address: netip.MustParseAddr("198.51.100.7"), Proto: "tcp", Number: 80, Target: 30001},
		"10.244.0.9:8080":     {Address: netip.MustParseAddr("127.0.0.1"), Proto: "tcp", Number: 80, Child: netip.MustParseAddr("10.244.0.9"), Target: 8080},
	} {
		if got := v.Lead(p); got != want {
			t.Errorf("%s leads to %q, want %q", p.Key(), got, want)
		}
	}
}

// playVeth plays the service of the mode veth: it publishes what is asked for,
// but for port 99.
func playVeth(t *testing.T) {
	t.Helper()
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: veth.Socket, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) //nolint:errcheck // the test has ended
	go func() {
		for {
			c, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() }) //nolint:errcheck // the test has ended
			go answerVeth(c)
		}
	}()
}

// answerVeth closes a connection after ten answers.
func answerVeth(c *net.UnixConn) {
	defer c.Close() //nolint:errcheck // it has ended
	for range 10 {
		data := make([]byte, 1<<16)
		n, err := c.Read(data)
		if err != nil {
			return
		}
		var asked struct{ Publish []veth.Port }
		json.Unmarshal(data[:n], &asked) //nolint:errcheck // it is looked at
		faults := map[string]string{}
		for _, p := range asked.Publish {
			if p.Number == 99 {
				faults[p.Key()] = "permission denied"
			}
		}
		answer, _ := json.Marshal(map[string]any{"Faults": faults})
		c.Write(answer) //nolint:errcheck // the client tells
	}
}

// TestVethPorts: ports that keep their clients' address are the service's, others
// go by RootlessKit's driver; and a connection that ends is made anew.
func TestVethPorts(t *testing.T) {
	n := testNode(node.VethMode)
	playRootlessKit(t, false)
	o := NewOpener(n)
	if _, err := o.List(t.Context()); err == nil {
		t.Error("nobody has answered")
	}
	playVeth(t)
	web, other := Port{Proto: "tcp", Number: 30080}, Port{Proto: "tcp", Number: 80, Address: netip.MustParseAddr("198.51.100.7")}
	for _, p := range []Port{web, other} {
		if err := o.OpenPort(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
	if err := o.OpenPort(t.Context(), Port{Proto: "tcp", Number: 99}); err == nil || err.Error() != "permission denied" {
		t.Errorf("%v", err)
	}
	want := []string{"198.51.100.7:80/tcp to 192.0.2.10:80", "30080/tcp to 30080 for []"}
	var open []OpenPort
	for range 10 {
		var err error
		if open, err = o.List(t.Context()); err != nil || !slices.Equal(keys(open), want) {
			t.Fatalf("%q, %v", keys(open), err)
		}
	}
	for _, p := range open {
		if err := o.ClosePort(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
	if open, err := o.List(t.Context()); err != nil || len(open) > 0 {
		t.Errorf("left: %v, %v", open, err)
	}
}
