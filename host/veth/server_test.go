package veth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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

// nodeAddress is that of the machine's device eth0.
var nodeAddress = netip.MustParseAddr("192.0.2.10")

// A running is a server that serves.
type running struct {
	*Server
	stop func(keep bool) // and wait for its end
}

// startServer starts a server on the real socket. It ends with the test.
func startServer(t *testing.T, state string) *running {
	t.Helper()
	if err := os.RemoveAll(Socket); err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: Socket, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{UID: uint32(os.Getuid()), Network: netip.MustParsePrefix("10.41.0.0/24"), State: state}
	ctx, cancel := context.WithCancel(context.Background())
	var keeps atomic.Bool
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener, keeps.Load) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	c, err := Dial() // it answers once it has taken over what is there
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(nil); err != nil && err.Error() != "the node is not connected yet" {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return &running{s, func(keep bool) {
		keeps.Store(keep)
		stop()
	}}
}

// until waits for something that another goroutine or process brings about.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for !is() {
		select {
		case <-t.Context().Done():
			t.Fatalf("waiting for %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// machineTables is what the played nft has.
func machineTables(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(nftState + "/*" + table)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// nothingLeft fails when something of a link is left on the machine.
func nothingLeft(t *testing.T, state string) {
	t.Helper()
	_, err := os.Stat(state)
	if hasLink() || machineTables(t) != "" || isOn(forwarding("eth0")) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: link %v, forwarding %v, note %v, tables %q", hasLink(), isOn(forwarding("eth0")), err == nil, machineTables(t))
	}
}

// TestServerGivesALink: the node has the pair and the pod network's device, the
// machine has its rules, and all of it goes with the connection.
func TestServerGivesALink(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	s := startServer(t, state)
	n := startNode(t)
	link := n.attach()
	want := Link{Address: nodeAddress, Device: "eth0", MTU: 1400, Subnet: netip.MustParsePrefix("10.41.0.252/30"), Default: netip.MustParseAddr("192.0.2.1")}
	if link != want {
		t.Errorf("the link is %+v, want %+v", link, want)
	}
	for device, mtu := range map[string]string{NodeEnd: "mtu 1400", overlay: "mtu 1350"} {
		if d := n.do(order{IP: "link show " + device}); !strings.Contains(d.Out, mtu) {
			t.Errorf("%s in the node: %+v", device, d)
		}
	}
	for i, p := range linkParts() {
		if err := p.whole(link); err != nil {
			t.Errorf("part %d: %v", i, err)
		}
	}
	if faults := Findings(t.Context(), state); len(faults) > 0 {
		t.Errorf("found: %v", faults[0])
	}
	n.end()
	until(t, "the link to go", func() bool { return !hasLink() })
	s.stop(false)
	nothingLeft(t, state)
}

// TestServerPublishes: a port is in force for as long as its connection asks for
// it, and only one that its user may have.
func TestServerPublishes(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	startServer(t, state)
	n, other := startNode(t), startNode(t)
	web := Port{Proto: "tcp", Number: 30080, Target: 80}
	if d := n.do(order{Publish: []Port{web}}); d.Err != "the node is not connected yet" {
		t.Errorf("without a link: %+v", d)
	}
	n.attach()
	taken, err := net.Listen("tcp4", "192.0.2.10:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // the test has ended
	number := taken.Addr().(*net.TCPAddr).Port
	d := n.do(order{Publish: []Port{web, {Proto: "tcp", Number: 22, Target: 22}, {Proto: "tcp", Number: number, Target: 1}, {Proto: "sctp", Number: 5000, Target: 1}}})
	want := map[string]string{"22/tcp": errDenied.Error(), fmt.Sprintf("%d/tcp", number): errInUse.Error(), "5000/sctp": errNoPort.Error()}
	if !maps.Equal(d.Faults, want) || d.Err != "" {
		t.Errorf("published: %+v, want faults %v", d, want)
	}
	const rule = "tcp dport 30080 dnat to 10.41.0.254:80"
	if !strings.Contains(machineTables(t), rule) {
		t.Errorf("no rule %q in\n%s", rule, machineTables(t))
	}
	if given, err := Published(state); err != nil || !reflect.DeepEqual(given, []Port{web}) {
		t.Errorf("noted: %v, %v", given, err)
	}
	if d := other.do(order{Publish: []Port{web}}); d.Faults["30080/tcp"] != errInUse.Error() {
		t.Errorf("a port of another connection: %+v", d)
	}
	if d := n.do(order{}); d.Err != "" || strings.Contains(machineTables(t), rule) {
		t.Errorf("a port that is no longer asked for: %+v\n%s", d, machineTables(t))
	}
	if d := other.do(order{Publish: []Port{web}}); len(d.Faults) > 0 || d.Err != "" {
		t.Errorf("a port that was given back: %+v", d)
	}
	other.end()
	until(t, "the port of a connection that has ended", func() bool { return !strings.Contains(machineTables(t), rule) })
}

// TestServerRefuses: what is no network namespace of the user's, and no address
// of the machine's, gets no link, and nothing is left of it.
func TestServerRefuses(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	s := startServer(t, state)
	n := startNode(t)
	for address, want := range map[string]string{
		"192.0.2.99":  "no device of this machine has the address 192.0.2.99",
		"2001:db8::1": "2001:db8::1 is not an IPv4 address",
	} {
		a := netip.MustParseAddr(address)
		if d := n.do(order{Attach: &a}); d.Err != want {
			t.Errorf("%s: %+v", address, d)
		}
	}
	if d := n.do(order{Overlay: true}); d.Err != "the node is not connected yet" {
		t.Errorf("overlay without a link: %+v", d)
	}
	for _, keep := range []bool{true, false} {
		c, err := Dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ask(request{Attach: &nodeAddress, Keep: keep}, nil); err == nil || err.Error() != errNotTheirs.Error() {
			t.Errorf("without a namespace: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	s.mutex.Lock()
	s.Network = netip.MustParsePrefix("192.0.2.0/24")
	s.mutex.Unlock()
	if d := n.do(order{Attach: &nodeAddress}); !strings.Contains(d.Err, "choose another SLIRP_CIDR") {
		t.Errorf("a network that overlaps the machine's: %+v", d)
	}
	s.mutex.Lock()
	s.Network = netip.MustParsePrefix("10.41.0.0/24")
	s.mutex.Unlock()
	nothingLeft(t, state)
}

// TestServerTakesBackAHalfMadeLink: without its rules, or its end in the node,
// there is no link, and the node is told why.
func TestServerTakesBackAHalfMadeLink(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	startServer(t, state)
	n := startNode(t)
	broken := filepath.Join(nftState, "broken")
	if err := errors.Join(os.MkdirAll(nftState, 0o700), os.WriteFile(broken, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	d := n.do(order{Attach: &nodeAddress})
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(d.Err, "syntax error") || n.has(NodeEnd) {
		t.Errorf("%+v", d)
	}
	nothingLeft(t, state)
	if d := n.do(order{IP: "link add " + NodeEnd + " type veth"}); d.Err != "" {
		t.Fatal(d.Err)
	}
	if d := n.do(order{Attach: &nodeAddress}); !strings.HasSuffix(d.Err, "File exists") || strings.Contains(d.Err, "\n") {
		t.Errorf("%+v", d)
	}
	nothingLeft(t, state)
	if d := n.do(order{IP: "link delete " + NodeEnd}); d.Err != "" {
		t.Fatal(d.Err)
	}
	n.attach()
}

// TestServerServesOnlyTheUser: others are not answered.
func TestServerServesOnlyTheUser(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]*net.UnixConn
	for i, fd := range ends {
		f := os.NewFile(uintptr(fd), "end")
		c, err := net.FileConn(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		conns[i] = c.(*net.UnixConn)
	}
	s := &Server{UID: uint32(os.Getuid()) + 1}
	served := make(chan struct{})
	go func() {
		s.serve(t.Context(), conns[0])
		close(served)
	}()
	c := &Conn{conns[1]}
	if _, err := c.Publish(nil); err == nil {
		t.Error("a stranger was answered")
	}
	<-served
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestServerComesBack: a node keeps its link and its ports over a restart of the
// service, and what nobody comes back for goes.
func TestServerComesBack(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	first := startServer(t, state)
	n := startNode(t)
	was := n.attach()
	web := Port{Proto: "tcp", Number: 30080, Target: 80}
	if d := n.do(order{Publish: []Port{web}}); d.Err != "" || len(d.Faults) > 0 {
		t.Fatalf("%+v", d)
	}
	first.stop(true)
	second := startServer(t, state)
	n.do(order{Wait: true})
	if given, err := Published(state); err != nil || len(given) != 1 || !hasLink() {
		t.Errorf("after a restart: link %v, ports %v, %v", hasLink(), given, err)
	}
	elsewhere := netip.MustParseAddr("192.0.2.11")
	if d := n.do(order{Attach: &elsewhere, Keep: true}); d.Kept || d.Err != "" {
		t.Errorf("kept for another address: %+v", d)
	}
	for range 2 {
		if d := n.do(order{Attach: &nodeAddress, Keep: true}); !d.Kept || d.Link != was {
			t.Errorf("kept: %+v, want %+v", d, was)
		}
	}
	second.expire(t.Context())
	if given, err := Published(state); err != nil || len(given) != 0 || !hasLink() {
		t.Errorf("after the time to come back: link %v, ports %v, %v", hasLink(), given, err)
	}
	second.stop(true)
	third := startServer(t, state)
	n.do(order{Wait: true})
	third.expire(t.Context())
	nothingLeft(t, state)
	if d := n.do(order{IP: "link delete " + overlay}); d.Err != "" { // the namespaces' own
		t.Error(d.Err)
	}
}

// TestServerMakesTheOverlayAnew, which somebody in the namespaces has deleted.
func TestServerMakesTheOverlayAnew(t *testing.T) {
	startServer(t, filepath.Join(t.TempDir(), "state"))
	n := startNode(t)
	n.attach()
	for range 2 { // also one that is there
		if d := n.do(order{Overlay: true}); d.Err != "" || !n.has(overlay) {
			t.Errorf("%+v", d)
		}
		if d := n.do(order{IP: "link delete " + overlay}); d.Err != "" {
			t.Error(d.Err)
		}
	}
}
