package veth

import (
	"context"
	"errors"
)

// load puts all ports in force, and no others, and notes them.
func (s *Server) load(ctx context.Context) (err error) {
	s.held.keep(s.allPorts())
	text := rules(*s.link, s.allPorts(), families())
	if err = load(ctx, text); err == nil {
		s.loaded = text
		s.table, err = listTables(ctx)
	}
	return errors.Join(err, s.save())
}

// update loads the table when it is to be another than before. Whether it is
// what it was loaded as the server looks for itself.
func (s *Server) update(ctx context.Context) error {
	s.held.keep(s.allPorts())
	if rules(*s.link, s.allPorts(), families()) == s.loaded {
		return nil
	}
	return s.load(ctx)
}

// drop takes the link back, when there is one.
func (s *Server) drop(ctx context.Context) error {
	if s.link == nil {
		return nil
	}
	err := dropLink(ctx, *s.link)
	s.held.keep(nil)
	if s.namespace != nil { // the owner has come back after a restart
		err = errors.Join(err, deleteOverlay(s.namespace), s.namespace.Close())
	}
	s.link, s.owner, s.namespace, s.table, s.loaded = nil, nil, nil, "", ""
	return errors.Join(err, s.save())
}
