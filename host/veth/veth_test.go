package veth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func testLink() Link {
	return Link{Address: netip.MustParseAddr("192.0.2.10"), Device: "eth0", MTU: 1500, Subnet: lastFour(netip.MustParsePrefix("10.41.0.0/24"))}
}

func TestRules(t *testing.T) {
	some := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("203.0.113.9/32"), netip.MustParsePrefix("203.0.113.7/24")}
	text := rules(testLink(), []Port{{Proto: "tcp", Number: 81, Target: 30081, Sources: some}, {Proto: "udp", Number: 8472, Target: 8472}, {Proto: "tcp", Number: 8080, Target: 30080}, {Proto: "tcp", Number: 6443, Target: 6443}}, []string{"ip", "ip6"})
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
	if text := rules(forwards, nil, nil); strings.Contains(text, "eth0") {
		t.Errorf("a machine that forwarded before no longer does:\n%s", text)
	}
}

// TestRulesAreTheSameForAnyOrder: what nft is given depends on nothing else.
func TestRulesAreTheSameForAnyOrder(t *testing.T) {
	a, b := Port{Proto: "tcp", Number: 1, Target: 2}, Port{Proto: "tcp", Number: 3, Target: 4}
	if rules(testLink(), []Port{a, b}, nil) != rules(testLink(), []Port{b, a}, nil) {
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

// TestRulesOfSources: nothing passes the machine's end under another address
// than that of the namespaces' end, and no IPv6 at all.
func TestRulesOfSources(t *testing.T) {
	text := rules(testLink(), nil, []string{"ip", "ip6"})
	for _, want := range []string{
		"table ip6 podsec_k8s {\n\tchain source {\n\t\ttype filter hook prerouting priority -300;\n\t\tiifname \"u7s0\" drop\n",
		"iifname \"u7s0\" ip saddr != 10.41.0.254 drop\n",
		"iifname \"u7s0\" ip daddr 127.0.0.0/8 drop\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no rule %q in\n%s", want, text)
		}
	}
	if text := rules(testLink(), nil, []string{"ip"}); strings.Contains(text, "ip6") {
		t.Errorf("rules for IPv6 on a kernel without it:\n%s", text)
	}
}

// TestHolder: a port that is held can be had by nobody else, whatever they ask
// for, and is free again when it is given back.
func TestHolder(t *testing.T) {
	address := netip.MustParseAddr("127.0.0.1")
	for _, proto := range []string{"tcp", "udp"} {
		h := holder{}
		p := Port{Proto: proto, Number: freePort(t, proto), Target: 1}
		if err := errors.Join(h.take(address, p), h.take(address, p)); err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"127.0.0.1", "0.0.0.0", "[::]"} {
			if err := listen(proto, host, p.Number); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("another program listens on %s:%d over %s: %v", host, p.Number, proto, err)
			}
		}
		h.keep([]Port{p})
		if len(h) != 1 {
			t.Error("a port that is kept was given back")
		}
		h.keep(nil)
		if err := listen(proto, "127.0.0.1", p.Number); err != nil || len(h) > 0 {
			t.Errorf("a port that was given back is not free: %v", err)
		}
	}
}

// TestHolderRefusesWhatIsTaken: a program of the machine keeps its port.
func TestHolderRefusesWhatIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the test has ended
	p := Port{Proto: "tcp", Number: listener.Addr().(*net.TCPAddr).Port, Target: 1}
	s := &Server{link: &Link{Address: netip.MustParseAddr("127.0.0.1")}, held: holder{}}
	taken, err := s.machinePorts()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.hold(p, taken); !errors.Is(err, errInUse) || len(s.held) > 0 {
		t.Errorf("%v, held %v", err, s.held)
	}
}

func freePort(t *testing.T, proto string) int {
	t.Helper()
	if proto == "udp" {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // the next is to have it
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the next is to have it
	return l.Addr().(*net.TCPAddr).Port
}

// listen does as a daemon does, and ends again.
func listen(proto, host string, port int) error {
	address := fmt.Sprintf("%s:%d", host, port)
	if proto == "udp" {
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// TestServerBoundsConnections: of thousands the first few are served, and the
// others closed at once.
func TestServerBoundsConnections(t *testing.T) {
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "socket"), Net: "unixpacket"}
	listener, err := net.ListenUnix("unixpacket", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	s := &Server{UID: uint32(os.Getuid()), State: filepath.Join(t.TempDir(), "state")}
	go func() { ended <- s.accept(ctx, listener, func() bool { return false }) }()
	closed := make(chan *net.UnixConn, 10*maxConnections)
	open := map[*net.UnixConn]bool{}
	for range cap(closed) {
		c, err := net.DialUnix("unixpacket", nil, address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // the test has ended
		open[c] = true
		go func() {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				closed <- c
			}
		}()
	}
	for range 9 * maxConnections {
		delete(open, <-closed)
	}
	for c := range open { // those are served
		if err := c.SetReadDeadline(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if len(closed) > 0 {
		t.Errorf("more than %d of %d connections were closed", 9*maxConnections, 10*maxConnections)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestGivenHasAForm: root takes no note for the server's that is none.
func TestGivenHasAForm(t *testing.T) {
	whole := func() given {
		return given{Link: testLink(), Ports: []Port{{Proto: "tcp", Number: 1, Target: 2}}}
	}
	if err := whole().check(); err != nil {
		t.Errorf("a note of the server's: %v", err)
	}
	for name, spoil := range map[string]func(*given){
		"device":  func(g *given) { g.Link.Device = "x; reboot" },
		"escape":  func(g *given) { g.Link.Device = "eth0\x1b[2J" },
		"address": func(g *given) { g.Link.Address = netip.MustParseAddr("fe80::1%$(x)") },
		"gateway": func(g *given) { g.Link.Default = netip.MustParseAddr("fe80::1%$(x)") },
		"subnet":  func(g *given) { g.Link.Subnet = netip.Prefix{} },
		"port":    func(g *given) { g.Ports[0].Proto = "tcp\x1b" },
		"number":  func(g *given) { g.Ports[0].Number = 0 },
		"ports":   func(g *given) { g.Ports = slices.Repeat(g.Ports, maxPorts+1) },
	} {
		g := whole()
		if spoil(&g); g.check() == nil {
			t.Errorf("%s: %+v is taken for a note of the server's", name, g)
		}
	}
}
