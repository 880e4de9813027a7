package veth

import (
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

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
		return message.Errorf("reserving port %s: %w", p.Key(), err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0), // the least that there is
		unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_FREEBIND, 1),   // the address may be gone for a while
		unix.Bind(fd, &unix.SockaddrInet4{Addr: address.As4(), Port: p.Number}))
	if err != nil {
		return errors.Join(message.Errorf("reserving port %s: %w", p.Key(), err), unix.Close(fd))
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
