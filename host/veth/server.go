package veth

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// What one user may ask for at a time. A node has two connections that last,
// and a third now and then.
const (
	maxConnections = 32
	idleTimeout    = time.Minute // for the next request of one that was given nothing
)

// Serve answers until ctx ends. Then all that it gave is taken back, unless
// keep: the server is going to be started again.
func (s *Server) Serve(ctx context.Context, listener *net.UnixListener, keep func() bool) error {
	s.ports, s.held = map[*net.UnixConn][]Port{}, holder{}
	if err := s.restore(ctx); err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.watch(ctx, &all); err != nil {
		return err
	}
	return s.accept(ctx, listener, keep)
}

// accept serves each connection until ctx ends. One too many is closed.
func (s *Server) accept(ctx context.Context, listener *net.UnixListener, keep func() bool) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() }) //nolint:errcheck // Accept tells
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	places := make(chan struct{}, maxConnections)
	for {
		c, err := listener.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return message.Errorf("waiting for the node: %w", err)
		}
		select {
		case places <- struct{}{}:
		default:
			c.Close() //nolint:errcheck // nothing was written
			continue
		}
		all.Go(func() {
			defer func() { <-places }()
			s.serve(ctx, c)
			if ctx.Err() == nil || !keep() {
				s.forget(c)
			}
		})
	}
}

// serve answers one connection to its end.
func (s *Server) serve(ctx context.Context, c *net.UnixConn) {
	stop := context.AfterFunc(ctx, func() { c.Close() }) //nolint:errcheck // reading tells
	defer stop()
	defer c.Close() //nolint:errcheck // it has ended
	if uid, err := peerUID(c); err != nil || uid != s.UID {
		slog.Warn("a stranger was refused", "uid", uid, "error", err)
		return
	}
	if err := c.SetWriteBuffer(maxMessage); err != nil {
		slog.Warn("serving", "error", err)
		return
	}
	for {
		err := s.limit(c)
		var r request
		var namespace *os.File
		if err == nil {
			r, namespace, err = receive(c)
		}
		if err == nil {
			err = reply(c, s.handle(ctx, c, r, namespace))
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
				slog.Warn("a connection ended", "error", err)
			}
			return
		}
	}
}

// limit bounds how long a connection may wait with its next request, unless
// something was given to it.
func (s *Server) limit(c *net.UnixConn) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.owner == c || len(s.ports[c]) > 0 {
		return c.SetReadDeadline(time.Time{})
	}
	return c.SetReadDeadline(time.Now().Add(idleTimeout))
}

// handle does what is asked. namespace is closed, unless it is the owner's now.
func (s *Server) handle(ctx context.Context, c *net.UnixConn, r request, namespace *os.File) (a answer) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var err error
	switch {
	case r.Overlay:
		err = s.overlay(ctx)
	case r.Attach == nil:
		a.Faults, err = s.publish(ctx, c, r.Publish)
	case r.Keep:
		a.Link, a.Kept, err = s.keep(ctx, c, *r.Attach, namespace)
	default:
		a.Link, err = s.attach(ctx, c, *r.Attach, namespace)
	}
	if namespace != nil && namespace != s.namespace {
		namespace.Close() //nolint:errcheck // nothing was written
	}
	if err != nil {
		slog.Error("refused", "error", err)
		a.Err = err.Error()
	}
	return a
}

// prove reports whether a request came with a namespace of the user's.
func (s *Server) prove(namespace *os.File) error {
	if namespace == nil {
		return errNotTheirs
	}
	return Prove(int(namespace.Fd()), s.UID)
}

// keep gives a connection the link of an earlier one, when there is one yet. A
// pair that others have taken away meanwhile is made anew.
func (s *Server) keep(ctx context.Context, c *net.UnixConn, address netip.Addr, namespace *os.File) (Link, bool, error) {
	if err := s.prove(namespace); err != nil {
		return Link{}, false, err
	}
	if s.link == nil || s.link.Address != address {
		return Link{}, false, nil
	}
	if s.namespace != nil {
		s.namespace.Close() //nolint:errcheck // nothing was written
	}
	s.owner, s.namespace = c, namespace
	for _, p := range linkParts() {
		s.mendPart(ctx, p)
	}
	return *s.link, true, s.load(ctx)
}

// attach makes the link. The newest connection with a namespace has it: an
// older one is of a node that is gone.
func (s *Server) attach(ctx context.Context, c *net.UnixConn, address netip.Addr, namespace *os.File) (Link, error) {
	if err := s.prove(namespace); err != nil {
		return Link{}, err
	}
	if !address.Is4() {
		return Link{}, message.Errorf("%s is not an IPv4 address", address)
	}
	if err := s.drop(ctx); err != nil {
		return Link{}, err
	}
	if err := deleteLost(ctx, lastFour(s.Network)); err != nil {
		return Link{}, err
	}
	link, err := findLink(address, lastFour(s.Network))
	if err != nil {
		return Link{}, err
	}
	s.link, s.owner, s.namespace = &link, c, namespace
	err = s.load(ctx) // the rules are there before the device that they are for
	if err == nil {
		err = makeLink(ctx, link, namespace)
	}
	if err != nil {
		return Link{}, errors.Join(err, s.drop(ctx))
	}
	slog.Info("link made", "address", address, "device", link.Device, "mtu", link.MTU)
	return link, nil
}

// overlay makes the pod network's device anew, in the owner's namespace.
func (s *Server) overlay(ctx context.Context) error {
	if s.link == nil || s.namespace == nil {
		return message.New("the node is not connected yet")
	}
	return remakeOverlay(ctx, *s.link, s.namespace)
}

// publish replaces a connection's ports by those that it may have.
func (s *Server) publish(ctx context.Context, c *net.UnixConn, ports []Port) (map[string]string, error) {
	if s.link == nil {
		return nil, message.New("the node is not connected yet")
	}
	machine, err := s.machinePorts()
	if err != nil {
		return nil, err
	}
	taken := maps.Clone(machine)
	for other, theirs := range s.ports {
		for _, p := range theirs {
			taken[p.Key()] = taken[p.Key()] || other != c && other != nil
		}
	}
	faults, granted := map[string]string{}, []Port{}
	for _, p := range ports {
		err := mayPublish(p, taken)
		if err == nil && len(s.held) >= maxPorts {
			err = errTooMany
		}
		if err == nil {
			err = s.hold(p, machine)
		}
		if err != nil {
			faults[p.Key()] = err.Error()
			continue
		}
		granted = append(granted, p)
	}
	s.ports[c] = granted
	return faults, s.update(ctx)
}

// forget takes back what a connection was given, also when ctx has ended.
func (s *Server) forget(c *net.UnixConn) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	delete(s.ports, c)
	if s.link == nil {
		return
	}
	var err error
	if s.owner == c {
		err = s.drop(ctx)
	} else {
		err = s.update(ctx)
	}
	if err != nil {
		slog.Error("taking back", "error", err)
	}
}

// restore takes over what an earlier server gave and did not take back.
func (s *Server) restore(ctx context.Context) error {
	was, err := loadGiven(s.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.link, s.ports[nil], s.table = &was.Link, was.Ports, was.Table
	if err := s.holdAll(ctx); err != nil {
		slog.Error("taking over the ports", "error", err)
	}
	slog.Info("link taken over", "address", was.Link.Address)
	time.AfterFunc(returnTime, func() { s.expire(ctx) })
	return nil
}

// expire gives up on what nobody has come back for.
func (s *Server) expire(ctx context.Context) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.ports, nil)
	if s.link == nil || ctx.Err() != nil {
		return
	}
	var err error
	if s.owner == nil {
		err = s.drop(ctx)
	} else {
		err = s.update(ctx)
	}
	if err != nil {
		slog.Error("taking back", "error", err)
	}
}
