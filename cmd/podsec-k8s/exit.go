package main

import (
	"errors"

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
	errPreflight = errors.New("the machine is not ready for a node")
	errLocked    = errors.New("another run of podsec-k8s is changing this node")
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
