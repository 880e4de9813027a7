package veth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/netnews"
)

// What others do to devices, addresses, routes and rules is told by the
// kernel. What it tells of often comes in crowds, and now and then some of it
// is lost.
const (
	debounce       = 300 * time.Millisecond
	mendInterval   = time.Second // at most so often
	resyncInterval = 30 * time.Second
)

func routeGroups() []uint {
	return []uint{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_IFADDR}
}

// watch mends what others undo until ctx ends.
func (s *Server) watch(ctx context.Context, all *sync.WaitGroup) error {
	routes, err := netnews.Watch(ctx, unix.NETLINK_ROUTE, routeGroups()...)
	if err != nil {
		return err
	}
	tables, err := netnews.Watch(ctx, unix.NETLINK_NETFILTER, netnews.NFTables)
	if err != nil {
		return err
	}
	all.Go(func() {
		for {
			link, rules := true, true
			select {
			case <-ctx.Done():
				return
			case <-routes:
				rules = false
			case <-tables:
				link = false
			case <-time.After(resyncInterval):
			}
			netnews.Sleep(ctx, debounce)
			s.mend(ctx, link, rules)
			netnews.Sleep(ctx, mendInterval)
		}
	})
	return nil
}

// mend looks at what the service has made, and makes anew what others have
// undone. What it does itself is news, too, and then found whole.
func (s *Server) mend(ctx context.Context, link, rules bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.link == nil || ctx.Err() != nil {
		return
	}
	if link {
		for _, p := range linkParts() {
			s.mendPart(ctx, p)
		}
	}
	if err := s.holdAll(ctx); err != nil {
		slog.Error("holding ports", "error", err)
	}
	if rules {
		s.mendPart(ctx, part{
			func(Link) error { return sameTable(ctx, s.table) },
			(*Server).load,
		})
	}
}

func (s *Server) mendPart(ctx context.Context, p part) {
	fault := p.whole(*s.link)
	if fault == nil {
		return
	}
	err := p.mend(s, ctx)
	if err == nil {
		err = errors.Join(p.whole(*s.link), s.save())
	}
	if err != nil {
		slog.Error("mending what others have changed", "fault", fault, "error", err)
		return
	}
	slog.Warn("mended what others have changed", "fault", fault)
}
