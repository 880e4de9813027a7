package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
)

// Exit statuses, as podsec-k8s(8) documents them.
const (
	exitDone = iota
	exitFault
	exitUsage
	exitPreflight
	exitLocked
)

var (
	errPreflight = errors.New("the machine is not ready for a node")
	errLocked    = errors.New("another run of podsec-k8s is changing this node")
)

// A usageFault is a call that can't be understood.
type usageFault struct{ host.Fault }

func (u *usageFault) Unwrap() error { return &u.Fault }

// exitStatus is the table of exit statuses.
func exitStatus(err error) int {
	var usage *usageFault
	var command *childStatus
	switch {
	case err == nil:
		return exitDone
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

// usageError is for flags that a command does not have.
func usageError(c *cli.Context, err error, _ bool) error {
	return wrongUsage(c.Command.HelpName, err)
}

func wrongUsage(command string, err error) error {
	return &usageFault{host.Fault{Err: err, Remedy: "see " + command + " --help"}}
}

// unknownCommand is what the program does without a known command.
func unknownCommand(c *cli.Context) error {
	if c.Args().Present() {
		return wrongUsage("podsec-k8s", fmt.Errorf("there is no command %q", c.Args().First()))
	}
	if c.Command.HasName("podsec-k8s") {
		return cli.ShowAppHelp(c)
	}
	return cli.ShowSubcommandHelp(c)
}
