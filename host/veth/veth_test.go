package veth

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func testLink() Link {
	return Link{Address: netip.MustParseAddr("192.0.2.10"), Device: "eth0", MTU: 1500, Subnet: lastFour(netip.MustParsePrefix("10.41.0.0/24"))}
}

func TestRules(t *testing.T) {
	some := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("203.0.113.9/32"), netip.MustParsePrefix("203.0.113.7/24")}
	text := rules(testLink(), []Port{{Proto: "tcp", Number: 81, Target: 30081, Sources: some}, {Proto: "udp", Number: 8472, Target: 8472}, {Proto: "tcp", Number: 8080, Target: 30080}, {Proto: "tcp", Number: 6443, Target: 6443}})
	for _, want := range []string{
		"ip daddr 192.0.2.10 tcp dport 8080 dnat to 10.41.0.254:30080",
		"ip daddr 192.0.2.10 udp dport 8472 dnat to 10.41.0.254:8472",
		"ip daddr 192.0.2.10 ip saddr { 198.51.100.7/32, 203.0.113.0/24 } tcp dport 81 dnat to 10.41.0.254:30081",
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
	a, b := Port{Proto: "tcp", Number: 1, Target: 2}, Port{Proto: "tcp", Number: 3, Target: 4}
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

func TestTakenPorts(t *testing.T) {
	const table = "  sl  local_address rem_address   st\n" +
		"   0: 0A0200C0:1F90 00000000:0000 0A\n" + // 192.0.2.10:8080 listens
		"   1: 00000000:0016 00000000:0000 0A\n" + // every address, 22
		"   2: 0100007F:1F91 00000000:0000 0A\n" + // the loopback address, 8081
		"   3: 0A0200C0:1F92 0B0200C0:0050 01\n" // a connection from 8082
	taken := map[string]bool{}
	addTaken(taken, bufio.NewScanner(strings.NewReader(table)), "tcp", netip.MustParseAddr("192.0.2.10"))
	for number, want := range map[int]bool{8080: true, 22: true, 8081: false, 8082: false, 8083: false} {
		if got := taken[Port{Proto: "tcp", Number: number}.Key()]; got != want {
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
	number := listener.Addr().(*net.TCPAddr).Port
	taken, err := takenPorts(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	many := slices.Repeat([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, maxSources+1)
	for _, c := range []struct {
		port Port
		want error
	}{
		{Port{Proto: "tcp", Number: number, Target: number}, errInUse},
		{Port{Proto: "udp", Number: number, Target: number}, nil},
		{Port{Proto: "sctp", Number: 5000, Target: 5000}, errNoPort},
		{Port{Proto: "tcp", Number: 0, Target: 1}, errNoPort},
		{Port{Proto: "tcp", Number: 70000, Target: 1}, errNoPort},
		{Port{Proto: "tcp", Number: 5000, Target: 0}, errNoPort},
		{Port{Proto: "tcp", Number: 5000, Target: 5000, Sources: many[1:]}, nil},
		{Port{Proto: "tcp", Number: 5000, Target: 5000, Sources: many}, errSource},
		{Port{Proto: "tcp", Number: 5000, Target: 5000, Sources: []netip.Prefix{{}}}, errSource},
		{Port{Proto: "tcp", Number: 5000, Target: 5000, Sources: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}}, errSource},
	} {
		if err := mayPublish(c.port, taken); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.port, err, c.want)
		}
	}
}
