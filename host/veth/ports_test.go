package veth

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

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
