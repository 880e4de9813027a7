package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/gate"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

func requireRoot() error {
	if os.Geteuid() == 0 {
		return nil
	}
	return host.NewFault("run it with su - or sudo",
		"only root may do this")
}

// asAdmin returns the call of this program as u7s-admin, with an environment of
// its own.
func asAdmin(ctx context.Context, args ...string) (gate.Call, error) {
	if err := requireRoot(); err != nil {
		return gate.Call{}, err
	}
	admin, err := preflight.AdminUser()
	if err != nil {
		return gate.Call{}, err
	}
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + node.Home, "USER=" + node.Admin,
		"XDG_RUNTIME_DIR=" + node.RuntimeDir(admin.UID),
		callerEnv(),
	}
	for _, key := range []string{"TERM", "LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE"} {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	c := gate.Call{Keeper: node.Self, User: admin, Program: node.Self, Args: args, Env: env}
	if behind, ok := ctx.Value(behindGate{}).(func(gate.Call) gate.Call); ok {
		c = behind(c)
	}
	return c, nil
}

// behindGate is the key, in a context, of the function by which a test puts
// another program behind the gate.
type behindGate struct{}

// childExit keeps the exit status of a program that has printed its fault. One
// that was interrupted has printed none.
func childExit(err error) error {
	var i *host.Interrupt
	if errors.As(err, &i) {
		return interrupted(i)
	}
	var failed *host.CommandError
	if errors.As(err, &failed) && failed.Status > 0 {
		return &childStatus{failed.Status}
	}
	return err
}

// nodeCall is the call of the command podsec-k8s node NAME.
func nodeCall(ctx context.Context, name string, timeout time.Duration) (gate.Call, error) {
	c, err := asAdmin(ctx, "node", name)
	c.Name, c.Timeout = "podsec-k8s node "+name, timeout
	return c, err
}

// askNode runs the command and reads its answer.
func askNode(ctx context.Context, name string, timeout time.Duration, request, answer any, notes io.Writer) error {
	c, err := nodeCall(ctx, name, timeout)
	if err != nil {
		return err
	}
	return childExit(c.Answer(ctx, request, answer, notes))
}

// runNode runs the command and shows what it prints.
func runNode(ctx context.Context, name string, timeout time.Duration, request any, files []*os.File) error {
	c, err := nodeCall(ctx, name, timeout)
	if err != nil {
		return err
	}
	c.Files = files
	return childExit(c.Show(ctx, request, os.Stdout, os.Stderr))
}

// runNodeScoped runs the command in the scope of what changes the node. Nothing of
// it runs any more when this returns.
func runNodeScoped(ctx context.Context, name string, timeout time.Duration, request any, files []*os.File) error {
	c, err := nodeCall(ctx, name, timeout)
	if err != nil {
		return err
	}
	c.Files = files
	c.Started = func(pid int) error {
		return withSystem(ctx, func(m *host.Manager) error { return m.BeginScope(ctx, runScope(), pid) })
	}
	failed := childExit(c.Show(ctx, request, os.Stdout, os.Stderr))
	if err := endScope(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}
