package gate

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigaction is the kernel's, on amd64 and arm64. Source: rt_sigaction(2).
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// stopBy sends SIGTSTP to a process or group of which this process is one, with
// what the kernel does by default: it stops, unless nobody could ever let it go
// on. resumed is told of SIGCONT. Package os/signal can't give that back once it has been told to notify.
// Source: setpgid(2), "orphaned process group".
func stopBy(job int, resumed <-chan os.Signal) {
	var byDefault, before sigaction
	if !setAction(&byDefault, &before) {
		return
	}
	defer setAction(&before, nil)
	select {
	case <-resumed: // from before
	default:
	}
	unix.Kill(job, unix.SIGTSTP) //nolint:errcheck // this process is there
	select {
	case <-resumed:
	case <-time.After(jobInterval): // nobody has stopped it
	}
}

func setAction(action, before *sigaction) bool {
	_, _, errno := unix.Syscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTSTP),
		uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(before)), unsafe.Sizeof(action.mask), 0, 0)
	return errno == 0
}
