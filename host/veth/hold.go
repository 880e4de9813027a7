package veth

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"golang.org/x/sys/unix"
)

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
