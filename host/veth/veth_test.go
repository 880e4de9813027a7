package veth

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func testLink() Link {
	return Link{Address: netip.MustParseAddr("192.0.2.10"), Device: "eth0", MTU: 1500, Subnet: lastFour(netip.MustParsePrefix("10.41.0.0/24"))}
}

func TestRules(t *testing.T) {
	text := rules(testLink(), []Port{{"udp", 8472, 8472}, {"tcp", 8080, 30080}, {"tcp", 6443, 6443}})
	for _, want := range []string{
		"ip daddr 192.0.2.10 tcp dport 8080 dnat to 10.41.0.254:30080",
		"ip daddr 192.0.2.10 udp dport 8472 dnat to 10.41.0.254:8472",
		"ip daddr != 192.0.2.10 udp dport 8472 @th,96,24 1 drop",
		"ip saddr 10.41.0.254 oifname != \"u7s0\" masquerade",
		"oifname \"u7s0\" drop",
		"iifname \"eth0\" oifname != \"u7s0\" drop",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no rule %q in\n%s", want, text)
		}
	}
	if accepted, dropped := strings.Index(text, "ct status dnat accept"), strings.Index(text, "oifname \"u7s0\" drop"); accepted < 0 || accepted > dropped {
		t.Errorf("published ports are not let through first:\n%s", text)
	}
	forwards := testLink()
	forwards.Forward = true
	if text := rules(forwards, nil); strings.Contains(text, "eth0") {
		t.Errorf("a machine that forwarded before no longer does:\n%s", text)
	}
}

// TestRulesAreTheSameForAnyOrder: what nft is given depends on nothing else.
func TestRulesAreTheSameForAnyOrder(t *testing.T) {
	a, b := Port{"tcp", 1, 2}, Port{"tcp", 3, 4}
	if rules(testLink(), []Port{a, b}) != rules(testLink(), []Port{b, a}) {
		t.Error("the order of ports shows")
	}
}

func TestProveRefusesWhatIsNoNamespaceOfTheUser(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file.Name(), "/proc/self/ns/mnt", "/proc/self/ns/net"} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := Prove(int(f.Fd()), 4294967294); !errors.Is(err, errNotTheirs) {
			t.Errorf("%s: %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestHasListener(t *testing.T) {
	const table = "  sl  local_address rem_address   st\n" +
		"   0: 0A0200C0:1F90 00000000:0000 0A\n" + // 192.0.2.10:8080 listens
		"   1: 00000000:0016 00000000:0000 0A\n" + // every address, 22
		"   2: 0100007F:1F91 00000000:0000 0A\n" + // the loopback address, 8081
		"   3: 0A0200C0:1F92 0B0200C0:0050 01\n" // a connection from 8082
	for number, want := range map[int]bool{8080: true, 22: true, 8081: false, 8082: false, 8083: false} {
		got := hasListener(bufio.NewScanner(strings.NewReader(table)), Port{"tcp", number, number}, netip.MustParseAddr("192.0.2.10"))
		if got != want {
			t.Errorf("port %d: %v", number, got)
		}
	}
}

func TestMayPublish(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the test has ended
	taken := listener.Addr().(*net.TCPAddr).Port
	loopback := netip.MustParseAddr("127.0.0.1")
	for _, c := range []struct {
		port Port
		want error
	}{
		{Port{"tcp", taken, taken}, errInUse},
		{Port{"udp", taken, taken}, nil},
		{Port{"sctp", 5000, 5000}, errNoPort},
		{Port{"tcp", 0, 1}, errNoPort},
		{Port{"tcp", 70000, 1}, errNoPort},
		{Port{"tcp", 5000, 0}, errNoPort},
	} {
		if err := mayPublish(c.port, loopback); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.port, err, c.want)
		}
	}
}
