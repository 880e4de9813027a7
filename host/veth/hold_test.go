package veth

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

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
