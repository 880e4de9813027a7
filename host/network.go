package host

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// inMachineNetwork does something in the network namespace of the machine's
// first process: rpm 4.20 runs scriptlets in one of their own, and the
// settings below /proc/sys/net are those of the namespace that looks at them.
// Source: setns(2); rpm's plugin unshare, "%__transaction_unshare_nonet".
func (h *Host) inMachineNetwork(do func() error) error {
	own, errOwn := os.Readlink("/proc/self/ns/net")
	machine, errMachine := os.Readlink("/proc/1/ns/net")
	if h.Root != "/" || errOwn != nil || errMachine != nil || own == machine {
		return do()
	}
	runtime.LockOSThread() // a thread that could not return ends with its goroutine
	back, err := enterNetwork("/proc/1/ns/net")
	if err != nil {
		return err
	}
	err = do()
	if errBack := back(); errBack != nil {
		return errBack
	}
	runtime.UnlockOSThread()
	return err
}

// enterNetwork moves the calling thread into a network namespace; back
// returns it to its own.
func enterNetwork(path string) (back func() error, err error) {
	other, err := os.Open(path)
	if err != nil {
		return nil, message.Errorf("opening the machine's network namespace: %w", err)
	}
	defer other.Close() //nolint:errcheck // nothing was written
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, message.Errorf("opening this network namespace: %w", err)
	}
	if err := unix.Setns(int(other.Fd()), unix.CLONE_NEWNET); err != nil {
		own.Close() //nolint:errcheck // nothing was written
		return nil, message.Errorf("entering the machine's network namespace: %w", err)
	}
	return func() error {
		defer own.Close() //nolint:errcheck // nothing was written
		if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
			return message.Errorf("leaving the machine's network namespace: %w", err)
		}
		return nil
	}, nil
}
