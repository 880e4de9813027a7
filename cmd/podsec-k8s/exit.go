package main

import (
	"errors"
	"fmt"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Exit statuses, as podsec-k8s(8) documents them.
const (
	exitDone = iota
	exitFault
	exitUsage
	exitPreflight
	exitLocked

	exitNoNode = 3 // of podsec-k8s status alone
)

var (
	errPreflight = message.New("the machine is not ready for a node")
	errLocked    = message.New("another run of podsec-k8s is changing this node")
)

// exitStatus is the table of exit statuses.
func exitStatus(err error) int {
	var usage *node.Misuse
	var command *childStatus
	var cut *interruptedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &cut):
		return cut.status()
	case errors.As(err, &command):
		return command.status
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errPreflight):
		return exitPreflight
	case errors.Is(err, errLocked):
		return exitLocked
	default:
		return exitFault
	}
}

// A childStatus is the exit status of a program that has said itself what
// was wrong.
type childStatus struct{ status int }

func (c *childStatus) Error() string { return fmt.Sprintf("exit status %d", c.status) }

// alreadyPrinted tells errors that were printed already.
func alreadyPrinted(err error) bool {
	var child *childStatus
	return errors.As(err, &child)
}

// An interruptedError is the fault of a command that a signal has ended. Its
// exit status is that of a shell for a program which the signal has ended.
type interruptedError struct{ host.Fault }

// Unwrap returns the fault with its remedy.
func (e *interruptedError) Unwrap() error { return &e.Fault }

// status is 128 and the number of the signal. Source: POSIX, "Shell Command
// Language", "Exit Status for Commands".
func (e *interruptedError) status() int {
	var i *host.Interrupt
	if errors.As(e.Err, &i) {
		return 128 + int(i.Signal)
	}
	return exitFault
}
