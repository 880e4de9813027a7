package node

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// userModeLinux is Debian's kernel that runs as a program.
// Source: linux.uml(1), package user-mode-linux.
const userModeLinux = "/usr/bin/linux.uml"

// kernelTimeout bounds a boot, a script and the end of a kernel.
const kernelTimeout = 3 * time.Minute

// ErrCPU says that Debian's kernel can't run as a program on this machine: it
// has no room for the registers of a CPU with AMX.
// Source: Linux 6.1, arch/x86/um/os-Linux/registers.c, put_fp_registers.
var ErrCPU = errors.New("linux.uml does not run on a CPU with AMX")

// OwnKernel runs a shell script on the disk of a node that is powered off,
// under a kernel of its own, for what nodes share with the machine: the
// clock. The script runs as root in the first process, with the node's
// address on the bridge. OwnKernel returns what it printed; the status of its
// commands is the script's to print. It fails with ErrCPU where there can be
// no such kernel.
func (n *Node) OwnKernel(ctx context.Context, script string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, kernelTimeout)
	defer cancel()
	// A copy, where the hub sees it.
	if out, err := exec.CommandContext(ctx, "cp", userModeLinux, filepath.Join(runDir(), "linux.uml")).CombinedOutput(); err != nil {
		return "", fmt.Errorf("copying the kernel: %w: %s", err, out)
	}
	first := fmt.Sprintf(firstProcess, n.inDir(), n.Address, script)
	out, err := n.hub.output(ctx, "sh", "-c", startKernel, n.Name, first)
	if err != nil && strings.Contains(out, "ptrace set fp regs failed") {
		return out, ErrCPU
	}
	return out, err
}

// firstProcess takes the node's folder in the hub, its address and a script.
// Debian's kernel has hostfs and the card's driver built in.
const firstProcess = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
exec 2>&1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mount -t hostfs -o %s/lib hostfs /var/lib
ip link set lo up
ip address add %s/24 dev vec0
ip link set vec0 up
%s
poweroff -f
`

// startKernel boots the kernel in the hub, with its memory in a file that has
// no name and a card on the bridge. It panics without a home for its console's
// socket.
const startKernel = `set -e
card=uml-$0
printf %s "$1" >/lab/nodes/$0/root/first
chmod 755 /lab/nodes/$0/root/first
ip tuntap add dev $card mode tap
trap 'ip link delete $card' EXIT
ip link set $card master br0 up
HOME=/run TMPDIR=/dev/shm /lab/linux.uml mem=512M quiet rw root=/dev/root rootfstype=hostfs rootflags=/lab/nodes/$0/root \
	init=/first vec0:transport=tap,ifname=$card con=null con0=null,fd:1 </dev/null`
