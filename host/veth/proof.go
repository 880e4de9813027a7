// Package veth gives the namespaces of the node's user one end of a veth
// pair, so that their packets pass no stack in user space. It is the one part
// of podsec-k8s that works for the node with a privilege of root's. What the
// service does, for whom and after which proof, is all here: it takes a network
// namespace by descriptor, never by a process id or a path, and it runs and
// reads nothing of the user's.
package veth

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// errNotTheirs says that a descriptor is not what was asked for.
var errNotTheirs = message.New("it is not a network namespace of that user")

// Prove reports whether a descriptor is a network namespace whose user
// namespace was made by uid. Nobody can make such a descriptor of another's
// namespace: the kernel answers for it.
// Source: ioctl_ns(2).
func Prove(fd int, uid uint32) error {
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		return message.Errorf("the file descriptor: %w", errNotTheirs)
	}
	users, err := unix.IoctlRetInt(fd, unix.NS_GET_USERNS)
	if err != nil {
		return message.Errorf("finding its user namespace: %w: %w", err, errNotTheirs)
	}
	defer unix.Close(users) //nolint:errcheck // nothing was written
	var owner uint32
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(users), unix.NS_GET_OWNER_UID, uintptr(unsafe.Pointer(&owner))); errno != 0 {
		return message.Errorf("finding its owner: %w: %w", errno, errNotTheirs)
	}
	if owner != uid {
		return message.Errorf("it was created by uid %d, not %d: %w", owner, uid, errNotTheirs)
	}
	return nil
}
