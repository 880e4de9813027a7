package veth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// maxPorts bounds the ports that are given at a time. Node ports are 2768.
const maxPorts = 4096

// A holder has a socket for each port that is given, bound to it, that nothing
// is ever received by: bind(2) of a program of the machine fails then, as for
// every port that is in use. Its packets are led away before they come there.
// Descriptors are by the keys of ports.
type holder map[string]int

// take binds a socket to a port. It asks for no reuse of the address, so that
// none who asks for it gets the port either. The error is EADDRINUSE when
// somebody has it.
// Source: socket(7), SO_REUSEADDR; ip(7), IP_FREEBIND.
func (h holder) take(address netip.Addr, p Port) error {
	if _, ok := h[p.Key()]; ok {
		return nil
	}
	kind := unix.SOCK_STREAM
	if p.Proto == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("holding port %s: %w", p.Key(), err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0), // the least that there is
		unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_FREEBIND, 1),   // the address may be gone for a while
		unix.Bind(fd, &unix.SockaddrInet4{Addr: address.As4(), Port: p.Number}))
	if err != nil {
		return errors.Join(fmt.Errorf("holding port %s: %w", p.Key(), err), unix.Close(fd))
	}
	h[p.Key()] = fd
	return nil
}

// keep lets go of all ports but these.
func (h holder) keep(ports []Port) {
	for key, fd := range h {
		if !slices.ContainsFunc(ports, func(p Port) bool { return p.Key() == key }) {
			unix.Close(fd) //nolint:errcheck // nothing was written
			delete(h, key)
		}
	}
}

// hold holds a port. One of which only connections of an earlier program are
// left may be given all the same: nobody else has it, and it is held once they
// are gone.
// Source: tcp(7); RFC 9293, TIME-WAIT.
func (s *Server) hold(p Port, taken map[string]bool) error {
	err := s.held.take(s.link.Address, p)
	switch {
	case !errors.Is(err, unix.EADDRINUSE):
		return err
	case taken[p.Key()]:
		return errInUse
	default:
		slog.Info("connections are left of another program's", "port", p.Key())
		return nil
	}
}

// holdAll holds the ports that are not held yet, and takes back those that a
// program of the machine has by now.
func (s *Server) holdAll(ctx context.Context) error {
	taken, err := s.machinePorts()
	if err != nil {
		return err
	}
	var faults []error
	for _, p := range s.allPorts() {
		err := s.hold(p, taken)
		if errors.Is(err, errInUse) {
			slog.Warn("a port is taken back: a program of the machine has it", "port", p.Key())
			s.withdraw(p)
			continue
		}
		faults = append(faults, err)
	}
	return errors.Join(append(faults, s.update(ctx))...)
}

// withdraw takes a port back from whoever was given it.
func (s *Server) withdraw(p Port) {
	for c, ports := range s.ports {
		s.ports[c] = slices.DeleteFunc(ports, func(o Port) bool { return o.Key() == p.Key() })
	}
}

// machinePorts lists the keys of the ports that programs of the machine have.
// Those that are held here are no program's.
func (s *Server) machinePorts() (map[string]bool, error) {
	taken, err := takenPorts(s.link.Address)
	for key := range s.held {
		delete(taken, key)
	}
	return taken, err
}
