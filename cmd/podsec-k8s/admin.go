package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/gate"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
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

// A question is what root has u7s-admin do: a command below podsec-k8s node.
type question string

const (
	askMake       question = "make"
	askReset      question = "reset"
	askStatus     question = "status"
	askForAccess  question = "access"
	askOverview   question = "overview"
	askForTicket  question = "ticket"
	askListImages question = "list-images"
	askLoadImages question = "load-images"
	askTokens     question = "token"
	askForToken   question = "new-token"
	askTokenList  question = "list-tokens"
	askReload     question = "reload"
)

// timeout is how long the answer may take; 0 is for what takes its time, and
// says what it is doing. Most look at files, some ask the cluster, and for one a
// package manager waits.
func (q question) timeout() time.Duration {
	switch q {
	case askMake, askReset, askLoadImages:
		return 0
	case askOverview, askForTicket, askListImages, askTokens, askForToken, askTokenList:
		return time.Minute
	case askReload:
		return 10 * time.Second
	case askStatus, askForAccess:
	}
	return 30 * time.Second
}

func (q question) call() (gate.Call, error) {
	c, err := asAdmin("node", string(q))
	c.Name, c.Timeout = "podsec-k8s node "+string(q), q.timeout()
	return c, err
}

// asAdmin returns the call of this program as u7s-admin, with an environment of
// its own.
func asAdmin(args ...string) (gate.Call, error) {
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
	return gate.Call{Keeper: node.Self, User: admin, Program: node.Self, Args: args, Env: env}, nil
}

// runAsAdmin runs the node's half of a command, and shows what it says.
// files go to it as descriptors from 3 on.
func runAsAdmin(ctx context.Context, request any, files []*os.File, q question) error {
	c, err := q.call()
	if err != nil {
		return err
	}
	c.Files = files
	return childExit(c.Show(ctx, request, os.Stdout, os.Stderr))
}

// askAdmin runs the node's half of a command and reads its answer.
func askAdmin(ctx context.Context, request, answer any, q question) error {
	c, err := q.call()
	if err != nil {
		return err
	}
	return childExit(c.Answer(ctx, request, answer, os.Stderr))
}

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

// askAccess asks for what is needed to talk to the node's cluster, and checks it.
func askAccess(ctx context.Context) (node usernetes.NodeAccess, err error) {
	if err := askAdmin(ctx, nil, &node, askForAccess); err != nil {
		return node, err
	}
	if err := node.Check(); err != nil {
		return node, message.Errorf("checking the node's data about its cluster: %w", err)
	}
	return node, nil
}

// runScoped runs the node's half of a command that changes the node, in the
// scope. Nothing of it runs any more when this returns.
func runScoped(ctx context.Context, request any, files []*os.File, q question) error {
	c, err := q.call()
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
