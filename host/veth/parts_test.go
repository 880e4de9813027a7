package veth

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machine does what an administrator may do, line by line: ip's arguments, or a
// file of the kernel's and what is written to it.
func machine(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		var err error
		if path, value, isFile := strings.Cut(line, "="); isFile {
			err = os.WriteFile(path, []byte(value), 0)
		} else {
			err = ip(t.Context(), strings.Fields(line)...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestMend: each part that others undo is found, and made anew.
func TestMend(t *testing.T) {
	s := startServer(t, filepath.Join(t.TempDir(), "state"))
	startNode(t).attach()
	defer machine(t, "route replace default via 192.0.2.1") // it goes with the address
	for _, c := range []struct {
		undo  []string
		fault string // the first that is found
	}{
		{[]string{"address delete 192.0.2.10/24 dev eth0", "address add 192.0.2.10/24 dev eth1"}, "the address 192.0.2.10 has moved from eth0 to eth1"},
		{[]string{"address delete 192.0.2.10/24 dev eth1", "address add 192.0.2.10/24 dev eth0"}, "the address 192.0.2.10 has moved from eth1 to eth0"},
		{[]string{"link delete u7s0"}, "the device u7s0 does not exist any more"},
		{[]string{"link set u7s0 down", "link set u7s0 name lost0"}, "the device u7s0 does not exist any more"},
		{[]string{"/proc/sys/net/ipv4/conf/u7s0/accept_redirects=1"}, "net/ipv4/conf/u7s0/accept_redirects is not 0"},
		{[]string{"link set u7s0 down"}, "u7s0 is down"},
		{[]string{"link set u7s0 mtu 1280"}, "the MTU of u7s0 is 1280, not 1400"},
		{[]string{"address flush dev u7s0"}, "u7s0 has lost the address 10.41.0.253"},
		{[]string{"route delete local 10.41.0.253 dev u7s0 table local"}, "the local route of 10.41.0.253 does not exist any more"},
		{[]string{"route delete 10.41.0.252/30 dev u7s0"}, "the route to 10.41.0.254 by u7s0 does not exist any more"},
		{[]string{"/proc/sys/net/ipv4/conf/u7s0/forwarding=0"}, "IP forwarding is off on u7s0"},
		{[]string{"/proc/sys/net/ipv4/conf/eth0/forwarding=0"}, "IP forwarding is off on eth0"},
	} {
		s.mutex.Lock() // the watcher would mend it at once
		machine(t, c.undo...)
		var found error
		for _, p := range linkParts() {
			if found = p.whole(*s.link); found != nil {
				break
			}
		}
		s.mutex.Unlock()
		if found == nil || found.Error() != c.fault {
			t.Errorf("%s: found %v, want %q", c.undo, found, c.fault)
		}
		s.mend(t.Context(), true, true)
		wholeAgain(t, s, c.undo[0])
	}
}

func wholeAgain(t *testing.T, s *running, undone string) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, p := range linkParts() {
		if err := p.whole(*s.link); err != nil {
			t.Errorf("part %d after %q: %v", i, undone, err)
		}
	}
	if err := sameTable(t.Context(), s.table); err != nil {
		t.Errorf("after %q: %v", undone, err)
	}
}

// TestMendFollowsTheSwitch: the machine forwards for others exactly when its
// administrator wants that.
func TestMendFollowsTheSwitch(t *testing.T) {
	s := startServer(t, filepath.Join(t.TempDir(), "state"))
	startNode(t).attach()
	const closed = `iifname "eth0" oifname != "u7s0" drop`
	for _, on := range []bool{true, false} {
		value := map[bool]string{true: "1", false: "0"}[on]
		machine(t, globalForwarding+"="+value)
		s.mend(t.Context(), true, true)
		s.mutex.Lock()
		if s.link.Global != on || s.link.Forward != on || strings.Contains(machineTables(t), closed) == on {
			t.Errorf("switched to %s: %+v\n%s", value, *s.link, machineTables(t))
		}
		s.mutex.Unlock()
		wholeAgain(t, s, value)
	}
}

// TestMendForwardsForTheNodeAlone, where a machine that forwarded has stopped
// to, on that device.
func TestMendForwardsForTheNodeAlone(t *testing.T) {
	machine(t, globalForwarding+"=1")
	defer machine(t, globalForwarding+"=0")
	s := startServer(t, filepath.Join(t.TempDir(), "state"))
	if link := startNode(t).attach(); !link.Forward || !link.Global {
		t.Errorf("%+v", link)
	}
	machine(t, forwarding("eth0")+"=0")
	s.mend(t.Context(), true, false)
	s.mutex.Lock()
	if s.link.Forward || !strings.Contains(machineTables(t), `iifname "eth0" oifname != "u7s0" drop`) {
		t.Errorf("%+v\n%s", *s.link, machineTables(t))
	}
	s.mutex.Unlock()
	wholeAgain(t, s, "forwarding")
}

// TestPartsNeedADevice: without the pair nothing that belongs to it is whole.
func TestPartsNeedADevice(t *testing.T) {
	link := testLink()
	for name, whole := range map[string]func(Link) error{
		"pair": hasPair, "up": isUp, "address": hasAddress, "local": isLocal, "route": leadsToPeer, "forwarding": forwards,
	} {
		if whole(link) == nil {
			t.Errorf("%s is whole", name)
		}
	}
	if err := (&Server{link: &link}).remakePair(t.Context()); err == nil {
		t.Error("a pair without a namespace")
	}
}

func TestDeviceOf(t *testing.T) {
	for address, want := range map[string]string{"192.0.2.10": "eth0", "127.0.0.1": "lo", "192.0.2.99": ""} {
		if got := DeviceOf(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is of %q, want %q", address, got, want)
		}
	}
}
