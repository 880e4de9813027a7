package gate

import (
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Offsets of a system call's description. Source: seccomp(2), struct
// seccomp_data, on little-endian machines.
const (
	callNumber  = 0
	callMachine = 4
	callSecond  = 24 // the lower half of the second argument
)

// otherABI is the bit of system call numbers of amd64's second ABI.
// Source: syscall(2), x32.
const otherABI = 0x40000000

// keepFromTyping keeps this process, and all that it becomes and starts, from
// typing into a terminal: a program of another user that has the caller's
// terminal could give the caller's shell commands. It takes root.
// Source: ioctl_tty(2), TIOCSTI and TIOCLINUX; seccomp(2).
func keepFromTyping() error {
	machine, ok := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if !ok {
		return message.Errorf("protecting the terminal: not supported on %s", runtime.GOARCH)
	}
	raw, err := bpf.Assemble(terminalFilter(machine))
	if err != nil {
		return message.Errorf("protecting the terminal: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return message.Errorf("protecting the terminal: %w", errno)
	}
	return nil
}

func terminalFilter(machine uint32) []bpf.Instruction {
	const allow, refuse, unknown = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM), unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: callMachine, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: machine, SkipTrue: 8},
		bpf.LoadAbsolute{Off: callNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: otherABI, SkipTrue: 6},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_IOCTL, SkipTrue: 3},
		bpf.LoadAbsolute{Off: callSecond, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.TIOCSTI, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.TIOCLINUX, SkipTrue: 1},
		bpf.RetConstant{Val: allow},
		bpf.RetConstant{Val: refuse},
		bpf.RetConstant{Val: unknown},
	}
}
