package veth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// A part is one thing that the service has made on the machine, and that
// others may undo.
type part struct {
	whole func(Link) error                           // says what is wrong with it
	mend  func(s *Server, ctx context.Context) error // makes it anew
}

// linkParts are the device and what belongs to it, each in need of those
// before it.
func linkParts() []part {
	return []part{
		{ownDevice, (*Server).followDevice},
		{hasPair, (*Server).remakePair},
		{isClosed, func(*Server, context.Context) error { return closeEnd() }},
		{isUp, (*Server).raise},
		{hasAddress, (*Server).address},
		{isLocal, (*Server).addressAnew},
		{leadsToPeer, (*Server).route},
		{sameGlobal, (*Server).followGlobal},
		{forwards, (*Server).forward},
	}
}

// ownDevice: the node's address is on the device that the rules name.
func ownDevice(l Link) error {
	if device := DeviceOf(l.Address); device != "" && device != l.Device {
		return message.Errorf("the address %s has moved from %s to %s", l.Address, l.Device, device)
	}
	return nil // an address that is gone is the node's to tell of
}

// DeviceOf finds the machine's device that has an address, "" when none has.
func DeviceOf(address netip.Addr) string {
	device, _ := networkOf(address)
	if device == nil {
		return ""
	}
	return device.Attrs().Name
}

func (s *Server) followDevice(ctx context.Context) error {
	if !s.link.Forward {
		_ = host.SetKernelValue(forwarding(s.link.Device), "0") // it may be gone
	}
	s.link.Device = DeviceOf(s.link.Address)
	s.link.Forward = isOn(forwarding(s.link.Device))
	return s.load(ctx)
}

func hasPair(Link) error {
	if !hasLink() {
		return message.Errorf("the device %s does not exist any more", HostEnd)
	}
	return nil
}

// remakePair makes the pair anew. Of one whose end was only given another name
// the other end is there still.
func (s *Server) remakePair(ctx context.Context) error {
	if s.namespace == nil {
		return message.New("the node is not running again yet")
	}
	if err := deleteInside(s.namespace, NodeEnd); err != nil {
		return err
	}
	return makePair(ctx, *s.link, s.namespace)
}

func isUp(l Link) error {
	device, err := netlink.LinkByName(HostEnd)
	switch {
	case err != nil:
		return message.Errorf("finding %s: %w", HostEnd, err)
	case device.Attrs().Flags&net.FlagUp == 0:
		return message.Errorf("%s is down", HostEnd)
	case device.Attrs().MTU != l.MTU:
		return message.Errorf("the MTU of %s is %d, not %d", HostEnd, device.Attrs().MTU, l.MTU)
	default:
		return nil
	}
}

func (s *Server) raise(ctx context.Context) error {
	return ip(ctx, "link", "set", HostEnd, "mtu", fmt.Sprint(s.link.MTU), "up")
}

func hasAddress(l Link) error {
	device, err := netlink.LinkByName(HostEnd)
	if err != nil {
		return message.Errorf("finding %s: %w", HostEnd, err)
	}
	addresses, err := netlink.AddrList(device, unix.AF_INET)
	if err != nil {
		return message.Errorf("listing addresses of %s: %w", HostEnd, err)
	}
	if !slices.ContainsFunc(addresses, func(a netlink.Addr) bool { return a.IPNet.String() == l.Prefix(l.Gateway()) }) {
		return message.Errorf("%s has lost the address %s", HostEnd, l.Gateway())
	}
	return nil
}

func (s *Server) address(ctx context.Context) error {
	return ip(ctx, "address", "replace", s.link.Prefix(s.link.Gateway()), "dev", HostEnd)
}

// isLocal: the kernel takes what is for the machine's end.
func isLocal(l Link) error {
	routes, err := netlink.RouteGet(l.Gateway().AsSlice())
	if err != nil || len(routes) == 0 || routes[0].Type != unix.RTN_LOCAL {
		return message.Errorf("the local route of %s does not exist any more", l.Gateway())
	}
	return nil
}

// addressAnew makes all routes that come with the address.
func (s *Server) addressAnew(ctx context.Context) error {
	return errors.Join(
		ip(ctx, "address", "delete", s.link.Prefix(s.link.Gateway()), "dev", HostEnd), s.address(ctx))
}

// leadsToPeer: the kernel sends what is for the namespaces through the pair.
func leadsToPeer(l Link) error {
	device, err := netlink.LinkByName(HostEnd)
	if err != nil {
		return message.Errorf("finding %s: %w", HostEnd, err)
	}
	routes, err := netlink.RouteGet(l.Peer().AsSlice())
	if err != nil || len(routes) == 0 || routes[0].LinkIndex != device.Attrs().Index {
		return message.Errorf("the route to %s by %s does not exist any more", l.Peer(), HostEnd)
	}
	return nil
}

func (s *Server) route(ctx context.Context) error {
	return ip(ctx, "route", "replace", s.link.Subnet.String(), "dev", HostEnd, "proto", "kernel", "scope", "link", "src", s.link.Gateway().String())
}

// sameGlobal: the machine's own switch is as it was. When the administrator
// turns it on, the machine forwards for others, and off, it does not.
func sameGlobal(l Link) error {
	if isOn(globalForwarding) != l.Global {
		return message.New("net.ipv4.ip_forward has changed")
	}
	return nil
}

func (s *Server) followGlobal(ctx context.Context) error {
	s.link.Global = isOn(globalForwarding)
	s.link.Forward = s.link.Global
	return s.load(ctx)
}

// forwards: packets of the namespaces are let through both devices.
func forwards(l Link) error {
	for _, device := range []string{HostEnd, l.Device} {
		if !isOn(forwarding(device)) {
			return message.Errorf("IP forwarding is off on %s", device)
		}
	}
	return nil
}

// forward turns it on again, for the namespaces alone where somebody has
// turned it off.
func (s *Server) forward(ctx context.Context) (err error) {
	if !isOn(forwarding(s.link.Device)) && s.link.Forward {
		s.link.Forward = false
		err = s.load(ctx)
	}
	return errors.Join(err,
		host.SetKernelValue(forwarding(HostEnd), "1"), host.SetKernelValue(forwarding(s.link.Device), "1"))
}
