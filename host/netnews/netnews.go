// Package netnews tells that the kernel's state of the network has changed:
// devices, addresses, routes, rules. What has changed the reader finds out by
// looking, for messages may get lost.
package netnews

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// NFTables is the kernel's group of messages on changed rules, of the family
// unix.NETLINK_NETFILTER.
// Source: Linux' include/uapi/linux/netfilter/nfnetlink.h.
const NFTables = 7

// Watch tells, until ctx ends, that the kernel has sent something to groups of
// a netlink family. Messages that found no room are news as well.
// Source: netlink(7), ENOBUFS; rtnetlink(7).
func Watch(ctx context.Context, family int, groups ...uint) (<-chan struct{}, error) {
	socket, err := nl.Subscribe(family, groups...)
	if err != nil {
		return nil, message.Errorf("watching the network: %w", err)
	}
	context.AfterFunc(ctx, socket.Close)
	changed := make(chan struct{}, 1)
	go func() {
		for {
			if _, _, err := socket.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
				if ctx.Err() == nil {
					slog.Error("watching the network has ended", "error", err)
				}
				return
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, nil
}

// Sleep waits, until ctx ends at the latest.
func Sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
