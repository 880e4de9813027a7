package namespace

import (
	"context"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// InNode returns the command that runs a program in the node's namespaces, as
// their root. It is for u7s-admin to run. Source: nsenter(1).
func InNode(p Program) (host.Command, error) { return inNodeWith(p, nil) }

// inNodeWith is inNode for a program that has variables of its own.
func inNodeWith(p Program, own []string) (host.Command, error) {
	pid, err := ChildPID()
	if err != nil {
		return host.Command{}, err
	}
	env, err := p.environment(own)
	if err != nil {
		return host.Command{}, err
	}
	args := []string{
		"--target=" + strconv.Itoa(pid), "--user", "--preserve-credentials",
		"--mount", "--net", "--pid", "--cgroup", "--ipc", "--uts", "--", p.Name,
	}
	return host.Command{
		Name: p.Title(), Path: "nsenter", Args: append(args, p.Args...), Env: env,
		End: func(pid int) error { return signalProgram(pid, unix.SIGTERM) },
	}, nil
}

// ExecInNode replaces this process by a program in the node.
func ExecInNode(name string, args ...string) error {
	cmd, err := InNode(Program{Name: name, Args: args})
	if err != nil {
		return err
	}
	return cmd.Exec()
}

// UnitCommand is inNode for what a user unit runs: the program gets the unit's
// own variables.
func (p Program) UnitCommand(ctx context.Context) (host.Command, error) {
	own, err := unitVariables(ctx)
	if err != nil {
		return host.Command{}, err
	}
	return inNodeWith(p, own)
}

// ExecUnit replaces this process, which a user unit runs, by a program in the
// node.
func (p Program) ExecUnit(ctx context.Context) error {
	cmd, err := p.UnitCommand(ctx)
	if err != nil {
		return err
	}
	return cmd.Exec()
}

// Enter is ExecUnit for a unit that says itself what is to run in the node.
func Enter(ctx context.Context, argv []string) error {
	if len(argv) == 0 {
		return message.Errorf("specify a program to run in the node")
	}
	return Program{Name: argv[0], Args: argv[1:]}.ExecUnit(ctx)
}
