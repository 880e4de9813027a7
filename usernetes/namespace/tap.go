package namespace

import (
	"bytes"
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// watchTap tells lost when nobody holds the tap device any more: the stack in
// user space has ended then, which RootlessKit goes on without. Being told
// has to end ctx.
// Source: rtnetlink(7), RTMGRP_LINK; Linux' drivers/net/tun.c, __tun_detach.
func watchTap(ctx context.Context, lost func(error)) error {
	news, err := linkNews()
	if err != nil {
		return message.Errorf("watching the network device %s: %w", node.TapDevice, err)
	}
	context.AfterFunc(ctx, func() { news.Close() }) //nolint:errcheck // it ends a read
	go func() {
		err := tapStays(ctx)
		for changed := make([]byte, os.Getpagesize()); err == nil; {
			if _, err = news.Read(changed); err == nil || errors.Is(err, unix.ENOBUFS) { // more news than room for it
				err = tapStays(ctx)
			}
		}
		lost(err)
	}()
	return nil
}

// linkNews returns a file that has something to read when a device changes.
func linkNews() (*os.File, error) {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	news := os.NewFile(uintptr(socket), "rtnetlink")
	if err := unix.Bind(socket, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), news.Close())
	}
	return news, nil
}

// tapStays looks again for a second before it takes the device for lost: to
// make the namespaces anew costs all that runs in them.
func tapStays(ctx context.Context) error { return wait.Until(ctx, time.Second, tapRuns) }

// tapRuns reports whether somebody holds the tap device. It asks for the
// device's carrier: the flag IFF_RUNNING follows that by up to a second while
// other devices of the machine change.
// Source: rtnetlink(7), IFLA_IFNAME; Linux' net/core/link_watch.c.
func tapRuns() error {
	table, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return os.NewSyscallError("rtnetlink", err)
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return os.NewSyscallError("rtnetlink", err)
	}
	for _, m := range messages {
		if m.Header.Type != unix.RTM_NEWLINK { // the end of the table
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return os.NewSyscallError("rtnetlink", err)
		}
		link := map[uint16][]byte{}
		for _, a := range attributes {
			link[a.Attr.Type] = a.Value
		}
		if unix.ByteSliceToString(link[unix.IFLA_IFNAME]) == node.TapDevice && bytes.Equal(link[unix.IFLA_CARRIER], []byte{1}) {
			return nil
		}
	}
	return message.Errorf("no service carries packets for %s", node.TapDevice)
}
