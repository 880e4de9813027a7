package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// A childStatus is the exit status of a program that has said itself what
// was wrong.
type childStatus struct{ status int }

func (c *childStatus) Error() string { return fmt.Sprintf("exit status %d", c.status) }

// silent tells errors that were printed already.
func silent(err error) bool {
	var child *childStatus
	return errors.As(err, &child)
}

func requireRoot() error {
	if os.Geteuid() == 0 {
		return nil
	}
	return &host.Fault{Err: errors.New("only root may do this"), Remedy: "run it with su - or sudo"}
}

// asAdmin gives the command that runs this program as u7s-admin, with an
// environment of its own.
func asAdmin(args ...string) (host.Command, error) {
	if err := requireRoot(); err != nil {
		return host.Command{}, err
	}
	admin, err := usernetes.AdminUser()
	if err != nil {
		return host.Command{}, err
	}
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + usernetes.Home, "USER=" + usernetes.Admin,
		"XDG_RUNTIME_DIR=" + usernetes.RuntimeDir(admin.UID),
		callerEnv(),
	}
	for _, key := range []string{"TERM", "LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE"} {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	return host.Command{Path: usernetes.Self, Args: args, Env: env, Dir: "/", As: &admin}, nil
}

// requestOf gives the command of the node's half, with a request as JSON on
// its standard input.
func requestOf(request any, args ...string) (host.Command, error) {
	cmd, err := asAdmin(args...)
	if err != nil {
		return cmd, err
	}
	data, err := json.Marshal(request)
	if err != nil {
		return cmd, fmt.Errorf("asking %s: %w", usernetes.Admin, err)
	}
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	return cmd, nil
}

// adminCommand gives the command of the node's half, which prints for itself.
// files go to it as descriptors from 3 on.
func adminCommand(request any, files []*os.File, args ...string) (host.Command, error) {
	cmd, err := requestOf(request, args...)
	cmd.Stdout, cmd.Files = os.Stdout, files
	return cmd, err
}

// runAsAdmin runs the node's half of a command.
func runAsAdmin(ctx context.Context, request any, files []*os.File, args ...string) error {
	cmd, err := adminCommand(request, files, args...)
	if err != nil {
		return err
	}
	return saidBefore(cmd.Run(ctx))
}

// askAdmin runs the node's half of a command and reads its answer, in JSON.
func askAdmin(ctx context.Context, request, answer any, args ...string) error {
	cmd, err := requestOf(request, args...)
	if err != nil {
		return err
	}
	out, err := cmd.Output(ctx)
	if err != nil {
		return saidBefore(err)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// saidBefore keeps the exit status of a program that has printed its fault. One
// that was interrupted has printed none.
func saidBefore(err error) error {
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
	if err := askAdmin(ctx, nil, &node, "node", "access"); err != nil {
		return node, err
	}
	if err := node.Check(); err != nil {
		return node, fmt.Errorf("checking what the node says of its cluster: %w", err)
	}
	return node, nil
}
