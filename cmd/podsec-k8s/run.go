package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// runScope holds what u7s-admin does for create-master, join and reset: this
// program, and the nsenter, kubeadm, crictl, skopeo and rootlesskit that it
// starts. They end with root's process, which they watch. Where they could not,
// because they were killed one by one or stopped, the next run ends the scope
// before it begins.
//
// A control group of root's can be ended as a whole within a bounded time,
// whatever its processes make of signals and in whatever namespace they are, and
// u7s-admin can't move out of it. A lock whose descriptor u7s-admin inherits
// could be held for ever, and a process group loses whoever makes one of its
// own. Source: cgroups(7), "Delegation containment"; systemd.kill(5).
func runScope() host.Scope {
	return host.Scope{Unit: "podsec-k8s-run.scope", Description: "A change of the rootless Kubernetes node", Timeout: 10 * time.Second}
}

// withSystem does something with the system's systemd. Where that does not run
// the machine, no node runs either, and preflight says so.
func withSystem(ctx context.Context, do func(*host.Manager) error) error {
	if !host.Booted() {
		return nil
	}
	return askSystem(ctx, do)
}

// askSystem does something with the system's systemd, which has to run.
func askSystem(ctx context.Context, do func(*host.Manager) error) error {
	manager, err := host.SystemManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	return do(manager)
}

// endScope ends what a run has left running.
func endScope(ctx context.Context) error {
	return withSystem(ctx, func(m *host.Manager) error { return m.EndScope(ctx, runScope()) })
}

// callerVariable tells the part that runs as u7s-admin which process has started it.
const callerVariable = "PODSEC_K8S_CALLER"

func callerEnv() string { return callerVariable + "=" + strconv.Itoa(os.Getpid()) }

// followed makes the action of a command that runs as u7s-admin one that ends when
// it is asked to, or when root's part has ended.
func followed(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		ctx, stop := host.CatchInterrupts(c.Context)
		defer stop()
		caller, err := strconv.Atoi(os.Getenv(callerVariable))
		if err != nil {
			return message.Errorf("finding the process at the other end: %w", err)
		}
		if ctx, err = host.FollowCaller(ctx, caller); err != nil {
			return err
		}
		c.Context = ctx
		err = action(c)
		if errors.Is(context.Cause(ctx), host.ErrCallerEnded) {
			host.KillGroup()
		}
		return err
	}
}

// interrupted makes one of what has ended a context.
func interrupted(cause error) error {
	return &interruptedError{host.Fault{Err: cause, Remedy: message.Of("run the same command again to continue")}}
}

// interruptible does what may take a while. A signal ends it in good order: what
// u7s-admin runs for it is asked to end, and waited for.
func interruptible(c *cli.Context, p *printer, do func() error) error {
	ctx, stop := host.CatchInterrupts(c.Context)
	defer stop()
	defer context.AfterFunc(ctx, func() {
		p.aside("podsec-k8s: interrupted: waiting until running programs end, up to half a minute")
	})()
	c.Context = ctx
	err := do()
	var i *host.Interrupt
	if err != nil && errors.As(context.Cause(ctx), &i) {
		return interrupted(i)
	}
	return err
}

// alone is interruptible for what changes the node: no other run does so meanwhile.
func alone(c *cli.Context, p *printer, do func() error) error {
	return interruptible(c, p, func() error {
		unlock, err := lockNode(c.Context, p)
		if err != nil {
			return err
		}
		defer unlock()
		return do()
	})
}

// How long a lock may be held by a run that has not said that it is ending, and
// by one that has.
const (
	lockGrace    = 2 * time.Second
	lockTimeout  = time.Minute
	lockInterval = 50 * time.Millisecond
)

// endingNote is what a run that was interrupted writes into its lock.
const endingNote = "ending\n"

// lockNode makes sure that one run at a time changes the node, and that nothing
// of an earlier one still does. It waits for a run that is ending.
// Source: flock(2).
func lockNode(ctx context.Context, p *printer) (unlock func(), err error) {
	if err := host.MkdirAll(runFolder, 0o700); err != nil {
		return nil, message.Errorf("locking the node: %w", err)
	}
	file, err := waitLock(ctx, p)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, host.WithRemedy(errLocked,
			"wait until it has ended: fuser -v %s", lockFile)
	}
	if err == nil {
		err = file.Truncate(0)
	}
	if err != nil {
		return nil, message.Errorf("locking the node: %w", err)
	}
	noted := context.AfterFunc(ctx, func() {
		file.WriteString(endingNote) //nolint:errcheck // without it others do not wait
	})
	unlock = func() { noted(); file.Close() } //nolint:errcheck // closing releases the lock
	if err := endFormer(ctx, p); err != nil {
		unlock()
		return nil, message.Errorf("ending what an interrupted run left running: %w", err)
	}
	return unlock, nil
}

// endFormer ends what a run has left running whose lock is free, and says so.
func endFormer(ctx context.Context, p *printer) error {
	return withSystem(ctx, func(m *host.Manager) error {
		s, err := m.State(ctx, runScope().Unit)
		if err != nil || s.Idle() {
			return err
		}
		p.aside("podsec-k8s: ending what an interrupted run left running")
		return m.EndScope(ctx, runScope())
	})
}

// waitLock takes the lock, after a while where whoever holds it is ending.
func waitLock(ctx context.Context, p *printer) (*os.File, error) {
	told := false
	for begun := time.Now(); ; {
		file, err := host.Lock(lockFile)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return file, err
		}
		note, _ := os.ReadFile(lockFile)
		ending := string(note) == endingNote
		if waited := time.Since(begun); waited > lockTimeout || waited > lockGrace && !ending {
			return nil, err
		}
		if ending && !told {
			told = true
			p.aside("podsec-k8s: waiting for an interrupted run to end")
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockInterval):
		}
	}
}
