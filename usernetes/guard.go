package usernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

// How the guard paces itself.
const (
	firstPause   = time.Second     // before a failed kubelet is started again
	longestPause = time.Minute     // pauses double up to this
	steady       = time.Minute     // a kubelet that ran this long starts with the first pause again
	managerWait  = 2 * time.Minute // for the user's systemd, at boot
	guardStop    = 2 * time.Minute // for the node's services to end
)

// An act is what the guard does about the kubelet.
type act int

const (
	watch  act = iota // all is as it should be, or as the administrator wants it
	revive            // the kubelet has failed
)

// nextAct decides by the state of the kubelet's unit. One that was stopped,
// or waits for kubeadm to write its configuration, is left alone.
func nextAct(s host.UnitState) act {
	if s.Active == "failed" {
		return revive
	}
	return watch
}

// nextPause is how long to wait before the kubelet is started again: after
// one that ran for a while the first pause, else twice the last one.
func nextPause(last, ran time.Duration) time.Duration {
	if last == 0 || ran >= steady {
		return firstPause
	}
	return min(2*last, longestPause)
}

// statusLine is what systemctl status kubelet shows.
func statusLine(s host.UnitState, node *Node, addresses []netip.Prefix) string {
	if node == nil {
		return "there is no node on this machine yet: podsec-k8s-create-master"
	}
	moved := checkAddress(*node, addresses)
	switch {
	case moved != nil:
		return moved.Err.Error() + ": " + moved.Remedy
	case s.Active == "active":
		return fmt.Sprintf("the rootless kubelet runs, pid %d", s.PID)
	default:
		return fmt.Sprintf("the rootless kubelet is %s (%s)", s.Active, s.Result)
	}
}

// Guard is the system's kubelet.service: it starts the node of u7s-admin,
// watches its kubelet, and stops the node when it is told to end. It runs as
// u7s-admin.
func Guard(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, unix.SIGHUP)
	manager, err := waitManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	if err := manager.Begin(ctx, units.Target); err != nil {
		return err
	}
	err = guard(ctx, manager, reload)
	if ctx.Err() == nil {
		return err // systemd starts the guard again
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), guardStop)
	defer cancel()
	return stopNode(ending, manager)
}

// waitManager waits for the user's systemd to answer.
func waitManager(ctx context.Context) (*host.Manager, error) {
	ctx, cancel := context.WithTimeout(ctx, managerWait)
	defer cancel()
	for {
		// The connection outlives the wait.
		manager, err := userManager(context.WithoutCancel(ctx))
		if err == nil {
			return manager, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(firstPause):
		}
	}
}

// guard follows the kubelet until ctx ends or systemd can't be reached.
func guard(ctx context.Context, manager *host.Manager, reload <-chan os.Signal) error {
	changes, err := manager.Changes()
	if err != nil {
		return err
	}
	if err := host.Ready(""); err != nil {
		return err
	}
	var pause time.Duration
	began := time.Now()
	for {
		s, err := manager.State(ctx, units.Kubelet)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := host.Status(statusLine(s, knownNode(), hostAddresses())); err != nil {
			return err
		}
		if nextAct(s) == revive {
			pause = nextPause(pause, time.Since(began))
			if err := reviveKubelet(ctx, manager, pause); err != nil {
				return err
			}
			began = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-reload:
			slog.Info("reloading", "unit", units.Kubelet)
			if err := manager.ReloadOrRestart(ctx, units.Kubelet); err != nil {
				slog.Error("reloading", "error", err)
			}
		case <-changes:
		case <-time.After(lookOut):
		}
	}
}

func reviveKubelet(ctx context.Context, manager *host.Manager, pause time.Duration) error {
	slog.Warn("the kubelet has failed", "next start in", pause)
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(pause):
	}
	return errors.Join(manager.ResetFailed(ctx, units.Kubelet), manager.Begin(ctx, units.Kubelet))
}

// knownNode gives the node of this machine, or nil.
func knownNode() *Node {
	n, err := LoadNode()
	if err != nil {
		return nil
	}
	return &n
}

// stopNode stops what belongs to the node, RootlessKit last.
func stopNode(ctx context.Context, manager *host.Manager) error {
	if err := host.Status("stopping the node"); err != nil {
		return err
	}
	// The target's own job is done at once; RootlessKit's waits for all that
	// needs the namespaces.
	return errors.Join(manager.Stop(ctx, units.Target), manager.Stop(ctx, units.RootlessKit))
}

// ReloadUnits makes the user's systemd read its unit files again.
func ReloadUnits(ctx context.Context) error {
	manager, err := userManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	return manager.DaemonReload(ctx)
}
