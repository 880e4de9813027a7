package guard

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// How the guard paces itself.
const (
	minBackoff   = time.Second     // before a failed kubelet is started again
	maxBackoff   = time.Minute     // pauses double up to this
	backoffReset = time.Minute     // a kubelet that ran this long starts with the first pause again
	managerWait  = 2 * time.Minute // for the user's systemd, at boot
	reexecWait   = 5 * time.Second // for the user's systemd to make place for another version of itself
	guardStop    = 2 * time.Minute // for the node's services to end
	kubeletWait  = time.Minute     // for a kubelet that has failed to come up after all
	minPause     = wait.Debounce   // between two looks, however much changes
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

// nextBackoff is how long to wait before the kubelet is started again: after
// one that ran for a while the first pause, else twice the last one.
func nextBackoff(last, ran time.Duration) time.Duration {
	if last == 0 || ran >= backoffReset {
		return minBackoff
	}
	return min(2*last, maxBackoff)
}

// isRestarted reports whether systemd has ended the guard to start it again: then
// it sends another signal. Source: systemd.kill(5), "RestartKillSignal=".
func isRestarted(ctx context.Context) bool {
	var i *host.Interrupt
	return errors.As(context.Cause(ctx), &i) && i.Signal == unix.SIGUSR1
}

// Guard is the system's kubelet.service: it starts the node of u7s-admin,
// watches its kubelet, and stops the node when it is told to end. When it is
// restarted it stops the kubelet alone, which the next guard starts. It runs as
// u7s-admin. A node that can't be started is an error, and stopped again, so
// that nothing of it runs while no guard does: systemd starts the guard anew
// after a while.
func Guard(ctx context.Context) error {
	admin, err := preflight.AdminUser()
	if err != nil {
		return err
	}
	if uint32(os.Getuid()) != admin.UID {
		return host.NewFault("systemctl start kubelet", "only kubelet.service runs this, as %s", node.Admin)
	}
	ctx, release := host.CatchSignals(ctx, unix.SIGTERM, unix.SIGINT, unix.SIGUSR1)
	defer release()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, unix.SIGHUP)
	manager, err := waitManager(ctx)
	if err != nil {
		return err
	}
	defer func() { manager.Close() }()
	before, err := manager.State(ctx, units.RootlessKit)
	if err != nil {
		return err
	}
	failed := startNode(ctx, manager)
	if failed == nil {
		if manager, err = guardOn(ctx, manager, reload); ctx.Err() == nil {
			return err // systemd starts the guard again
		}
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), guardStop)
	defer cancel()
	if isGone(manager) {
		again := reconnect(ending, manager)
		if again == nil {
			return failed // nothing of the node runs any more
		}
		manager = again
	}
	if isRestarted(ctx) {
		return errors.Join(host.Status("restarting the rootless kubelet"), manager.Stop(ending, units.Kubelet))
	}
	if failed == nil || ctx.Err() != nil {
		return stopNode(ending, manager, "stopping the node")
	}
	if before.Up() { // what ran beside a kubelet that fails goes on
		return errors.Join(failed, host.Status(reasonLine(failed)))
	}
	return errors.Join(failed, stopNode(ending, manager, reasonLine(failed)))
}

// startNode starts the node and waits until its namespaces and its kubelet
// are up, or it is clear that they do not come up. Where there is no node, or
// one that is half made, there is nothing to wait for.
func startNode(ctx context.Context, manager *host.Manager) error {
	if err := host.Status("starting the node"); err != nil {
		return err
	}
	if steps.Removed() != nil {
		return nil
	}
	if err := manager.Begin(ctx, units.Target); err != nil {
		return err
	}
	n, err := node.LoadNode()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if moved := node.CheckAddress(n, node.HostAddresses()); moved != nil {
		if err := host.Status("waiting for the address of the node: " + moved.Error()); err != nil {
			return err
		}
	}
	// Asked for by name, for a target that is active already starts nothing.
	if err := manager.Start(ctx, units.RootlessKit); err != nil {
		if moved := node.CheckAddress(n, node.HostAddresses()); moved != nil {
			return moved
		}
		return err
	}
	if err := host.Status("waiting for the rootless kubelet"); err != nil {
		return err
	}
	return startKubelet(ctx, manager)
}

// startKubelet starts the kubelet and waits for it. One that fails is started
// again by systemd, and may yet come up.
func startKubelet(ctx context.Context, manager *host.Manager) error {
	failed := manager.Start(ctx, units.Kubelet)
	if failed == nil || errors.Is(failed, host.ErrSkipped) || ctx.Err() != nil {
		return nil
	}
	log := status.CrashLog{}
	return wait.Until(ctx, kubeletWait, func() error {
		if steps.Removed() != nil { // it has just found that out
			return nil
		}
		s, err := manager.State(ctx, units.Kubelet)
		if err != nil {
			return err
		}
		if s.Up() {
			return nil
		}
		if log.Note(units.Kubelet, time.Now(), s.Restarts) {
			return wait.Final{Err: failed}
		}
		return failed
	})
}

// waitManager waits for the user's systemd to answer.
func waitManager(ctx context.Context) (*host.Manager, error) {
	ctx, cancel := context.WithTimeout(ctx, managerWait)
	defer cancel()
	for {
		// The connection outlives the wait.
		manager, err := node.UserManager(context.WithoutCancel(ctx))
		if err == nil {
			return manager, nil
		}
		if !rest(ctx, minBackoff) {
			return nil, err
		}
	}
}

// guardOn guards until ctx ends, also when the user's systemd makes place for
// another version of itself. It returns the connection in use. Where the node
// has ended with the user's systemd, the next guard starts both.
func guardOn(ctx context.Context, manager *host.Manager, reload <-chan os.Signal) (*host.Manager, error) {
	for {
		failed := guard(ctx, manager, reload)
		if ctx.Err() != nil || !isGone(manager) {
			return manager, failed
		}
		again := reconnect(ctx, manager)
		if again == nil {
			return manager, failed
		}
		manager = again
	}
}

// errGone says that the user's systemd has ended the connection.
var errGone = message.New("the user's systemd has closed the connection")

func isGone(manager *host.Manager) bool {
	select {
	case <-manager.Gone():
		return true
	default:
		return false
	}
}

// reconnect returns a new connection to the user's systemd, whose node runs, in
// the place of one that is gone; nil where there is none.
func reconnect(ctx context.Context, gone *host.Manager) *host.Manager {
	ctx, cancel := context.WithTimeout(ctx, reexecWait)
	defer cancel()
	manager, err := waitManager(ctx)
	if err != nil {
		return nil
	}
	if s, err := manager.State(ctx, units.RootlessKit); err != nil || !s.Up() {
		manager.Close()
		return nil
	}
	gone.Close()
	return manager
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
		if err := errors.Join(stopRemoved(ctx, manager), host.Status(currentLine(s))); err != nil {
			return err
		}
		if nextAct(s) == revive {
			pause = nextBackoff(pause, time.Since(began))
			if err := reviveKubelet(ctx, manager, pause); err != nil {
				return err
			}
			began = time.Now()
		}
		if !rest(ctx, minPause) {
			return nil
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
		case <-manager.Gone():
			return errGone
		case <-time.After(wait.ResyncInterval):
		}
	}
}

// rest waits, and reports whether it could wait to the end.
func rest(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

func reviveKubelet(ctx context.Context, manager *host.Manager, pause time.Duration) error {
	slog.Warn("the kubelet has failed", "next start in", pause)
	if !rest(ctx, pause) {
		return nil
	}
	return errors.Join(manager.ResetFailed(ctx, units.Kubelet), manager.Begin(ctx, units.Kubelet))
}

// stopNode stops what belongs to the node, RootlessKit last. status is shown
// meanwhile, and after that.
func stopNode(ctx context.Context, manager *host.Manager, status string) error {
	if err := host.Status(status); err != nil {
		return err
	}
	// The target's own job is done at once; RootlessKit's waits for all that
	// needs the namespaces.
	return errors.Join(manager.Stop(ctx, units.Target), manager.Stop(ctx, units.RootlessKit))
}

// stopRemoved stops the node of a machine that was removed from its cluster.
func stopRemoved(ctx context.Context, manager *host.Manager) error {
	if steps.Removed() == nil {
		return nil
	}
	s, err := manager.State(ctx, units.RootlessKit)
	if err != nil || s.Idle() {
		return err
	}
	slog.Warn("this machine was removed from its cluster: the node is stopped")
	return stopNode(ctx, manager, "stopping the node")
}

// ReloadUnits makes the user's systemd read its unit files again.
func ReloadUnits(ctx context.Context) error {
	manager, err := node.UserManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	return manager.DaemonReload(ctx)
}
