package node

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// zfsMagic has no name in golang.org/x/sys. Source: OpenZFS, ZFS_SUPER_MAGIC.
const zfsMagic = 0x2fc12fc1

// measured lists the magic numbers of the file systems that a kubelet can measure.
// Source: processMounts of github.com/google/cadvisor; statfs(2).
func measured() []int64 {
	return []int64{
		unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.NFS_SUPER_MAGIC, zfsMagic,
	}
}

// Unmeasured tells of a file system of the node's own files that its kubelet can't
// measure: the node has no ephemeral storage to give to pods then, and does not hold
// them to what they ask for. It returns nil where the kubelet can.
func Unmeasured() *host.Fault { return unmeasured(Home) }

func unmeasured(path string) *host.Fault {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) == nil && slices.Contains(measured(), s.Type) {
		return nil
	}
	return host.NewFault("mount one there that it can: ext4, xfs, btrfs; then: "+host.RestartNode,
		"the kubelet cannot measure the file system of %s: pods that ask for ephemeral-storage stay Pending, and no limit of it holds", path)
}
