package main

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// TestInterruptedStatus: a command that a signal has ended has the exit status
// that a shell gives, and a remedy.
func TestInterruptedStatus(t *testing.T) {
	for s, want := range map[unix.Signal]int{unix.SIGHUP: 129, unix.SIGINT: 130, unix.SIGQUIT: 131, unix.SIGTERM: 143} {
		failed := &host.CommandError{Status: 1, Err: fmt.Errorf("%w (%w)", &host.Interrupt{Signal: s}, errors.New("exit status 1"))}
		err := childExit(failed)
		if got := exitStatus(err); got != want {
			t.Errorf("%s: %d, want %d", unix.SignalName(s), got, want)
		}
		if all := faults(err); len(all) != 1 || all[0].Remedy.Empty() {
			t.Errorf("%s: %v", unix.SignalName(s), all)
		}
	}
}
