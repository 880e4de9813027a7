package veth

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

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
