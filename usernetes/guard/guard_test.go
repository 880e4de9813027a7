package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestNextAct(t *testing.T) {
	for active, want := range map[string]act{"active": watch, "inactive": watch, "activating": watch, "deactivating": watch, "failed": revive} {
		if got := nextAct(host.UnitState{Active: active}); got != want {
			t.Errorf("%s: got %v", active, got)
		}
	}
}

func TestNextPause(t *testing.T) {
	for _, c := range []struct{ last, ran, want time.Duration }{
		{0, 0, minBackoff},
		{minBackoff, 0, 2 * minBackoff},
		{maxBackoff, 0, maxBackoff},
		{maxBackoff, backoffReset, minBackoff},
	} {
		if got := nextBackoff(c.last, c.ran); got != c.want {
			t.Errorf("after %s, having run %s: got %s", c.last, c.ran, got)
		}
	}
}

func TestStatusLine(t *testing.T) {
	n := &node.Node{IP: netip.MustParseAddr("192.0.2.10")}
	here := []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24")}
	for _, c := range []struct {
		name  string
		state host.UnitState
		node  *node.Node
		at    []netip.Prefix
		want  string
	}{
		{"no node", host.UnitState{}, nil, here, "no node on this machine"},
		{"runs", host.UnitState{Active: "active", PID: 7}, n, here, "runs, pid 7"},
		{"another address", host.UnitState{Active: "active"}, n, nil, "no longer has: give"},
		{"partly created", host.UnitState{Active: "inactive", Unmet: "ConditionPathExists=x"}, n, here, "partly created"},
		{"stopped by hand", host.UnitState{Active: "inactive"}, n, here, "systemctl stop kubelet; systemctl start kubelet"},
		{"failed", host.UnitState{Active: "failed", Result: "exit-code"}, n, here, "failed (exit-code)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := statusLine(c.state, c.node, c.at); !strings.Contains(got, c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A guarded is a guard that runs, on a machine whose systemd is played.
type guarded struct {
	t       *testing.T
	systemd *played.Systemd
	ctx     context.Context
	cancel  context.CancelFunc
	said    chan string // to the system's systemd
	ended   chan error
}

// guardedNode plays a machine with a node at an address; with none for "".
func guardedNode(t *testing.T, address string) *guarded {
	t.Helper()
	g := &guarded{t: t, systemd: played.Start(t), said: make(chan string, 1000), ended: make(chan error, 1)}
	g.ctx, g.cancel = context.WithCancel(t.Context())
	t.Setenv("XDG_RUNTIME_DIR", g.systemd.Dir)
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if address != "" {
		if err := (node.Node{Name: "m1", IP: netip.MustParseAddr(address)}).Save(); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	go func() {
		for text := make([]byte, 4096); ; {
			n, err := socket.Read(text)
			if err != nil {
				return
			}
			g.said <- string(text[:n])
		}
	}()
	t.Cleanup(func() { socket.Close() }) //nolint:errcheck // the test has ended
	return g
}

// start lets the guard run, until its test ends at the latest: one that is left
// behind would find the systemd of the next test, and stop the node there.
func (g *guarded) start() {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		g.ended <- Guard(g.ctx)
	}()
	g.t.Cleanup(func() {
		g.cancel()
		<-gone
	})
}

// says waits until systemd is told something.
func (g *guarded) says(want string) {
	g.t.Helper()
	for {
		select {
		case text := <-g.said:
			if strings.Contains(text, want) {
				return
			}
		case err := <-g.ended:
			g.t.Fatalf("it ended, and did not say %q: %v", want, err)
		}
	}
}

// asks waits until the user's systemd was asked for something.
func (g *guarded) asks(want string) {
	g.t.Helper()
	for !slices.Contains(g.systemd.Calls(), want) {
		select {
		case err := <-g.ended:
			g.t.Fatalf("it ended, and did not ask for %q: %v", want, err)
		case <-time.After(time.Millisecond):
		}
	}
}

const (
	rk      = units.RootlessKit
	kubelet = units.Kubelet
)

// TestGuard: the node is started, and stopped when the guard is told to end.
func TestGuard(t *testing.T) {
	g := guardedNode(t, "127.0.0.1")
	g.start()
	g.says("READY=1")
	g.says("the rootless kubelet runs")
	g.cancel()
	if err := <-g.ended; err != nil {
		t.Error(err)
	}
	want := []string{"start " + units.Target, "start " + rk, "start " + kubelet, "stop " + units.Target, "stop " + rk}
	if calls := g.systemd.Calls(); !slices.Equal(calls, want) {
		t.Errorf("asked for %q, want %q", calls, want)
	}
}

// TestGuardWithoutANode: there is nothing to wait for, and to tell of.
func TestGuardWithoutANode(t *testing.T) {
	g := guardedNode(t, "")
	g.start()
	g.says("there is no node on this machine yet")
	g.cancel()
	if err := <-g.ended; err != nil {
		t.Error(err)
	}
	if calls := g.systemd.Calls(); calls[0] != "start "+units.Target || slices.Contains(calls, "start "+rk) {
		t.Errorf("asked for %q", calls)
	}
}

// TestGuardOfARemovedNode: the node of a machine that was removed from its cluster is
// stopped, and not started again.
func TestGuardOfARemovedNode(t *testing.T) {
	g := guardedNode(t, "127.0.0.1")
	g.start()
	g.says("the rootless kubelet runs")
	if err := os.WriteFile(node.RemovedFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.systemd.Set(kubelet, played.Properties{"ActiveState": "inactive"}) // so it looks
	g.says("this machine was removed from its cluster")
	g.asks("stop " + rk)
	g.cancel()
	if err := <-g.ended; err != nil {
		t.Error(err)
	}
	g = guardedNode(t, "127.0.0.1")
	if err := os.WriteFile(node.RemovedFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.start()
	g.says("this machine was removed from its cluster")
	if calls := g.systemd.Calls(); len(calls) > 0 {
		t.Errorf("asked for %q", calls)
	}
}

// TestGuardIsRestarted: the next guard finds the node as it is, but for the
// kubelet.
func TestGuardIsRestarted(t *testing.T) {
	g := guardedNode(t, "127.0.0.1")
	g.start()
	g.says("the rootless kubelet runs")
	if err := unix.Kill(os.Getpid(), unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if err := <-g.ended; err != nil {
		t.Error(err)
	}
	if calls := g.systemd.Calls(); calls[len(calls)-1] != "stop "+kubelet || slices.Contains(calls, "stop "+rk) {
		t.Errorf("asked for %q", calls)
	}
}

// TestGuardRevives a kubelet that has failed, and lets it read its settings when
// the guard is asked to.
func TestGuardRevives(t *testing.T) {
	g := guardedNode(t, "127.0.0.1")
	g.start()
	g.says("the rootless kubelet runs")
	g.systemd.Set(kubelet, played.Properties{"ActiveState": "failed", "Result": "exit-code"})
	g.says("the rootless kubelet is failed (exit-code)")
	g.asks("reset-failed " + kubelet)
	g.says("the rootless kubelet runs")
	if err := unix.Kill(os.Getpid(), unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	g.asks("reload " + kubelet)
}

// TestGuardFails: a node that does not start is an error, and nothing of it is
// left; but what ran before goes on.
func TestGuardFails(t *testing.T) {
	for _, c := range []struct {
		name, address string
		ran           bool
		want          string // a part of the error
	}{
		{"its namespaces fail", "127.0.0.1", false, `starting u7s-rootlesskit.service: systemd says "failed"`},
		{"beside one that ran", "127.0.0.1", true, `starting u7s-rootlesskit.service: systemd says "failed"`},
		{"its address is gone", "192.0.2.99", false, "192.0.2.99, which this machine no longer has"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := guardedNode(t, c.address)
			if c.ran {
				g.systemd.Set(rk, played.Properties{"ActiveState": "active"})
			}
			g.systemd.Ends("start "+rk, "failed")
			err := Guard(g.ctx)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if stopped := slices.Contains(g.systemd.Calls(), "stop "+rk); stopped == c.ran {
				t.Errorf("asked for %q", g.systemd.Calls())
			}
			g.ended <- err
			for said := ""; !strings.Contains(said, c.want); {
				said = <-g.said
			}
		})
	}
}

// TestGuardOutlivesAnotherSystemd: the user's systemd may make place for another
// version of itself.
func TestGuardOutlivesAnotherSystemd(t *testing.T) {
	g := guardedNode(t, "127.0.0.1")
	g.start()
	g.says("the rootless kubelet runs")
	g.systemd.Hangup()
	g.says("READY=1") // once more, by another connection
	g.cancel()
	if err := <-g.ended; err != nil {
		t.Error(err)
	}
	if g.systemd.Active(rk) != "inactive" {
		t.Error("the node runs on")
	}
}

// TestGuardEndsWithTheNode, which has gone with the user's systemd: the next
// guard starts both.
func TestGuardEndsWithTheNode(t *testing.T) {
	g := guardedNode(t, "127.0.0.1")
	g.start()
	g.says("the rootless kubelet runs")
	g.systemd.Forget(rk)
	g.systemd.Hangup()
	if err := <-g.ended; err == nil {
		t.Error("it ended without an error")
	}
}

// TestStartKubelet: one that fails at first may come up, one that is left out by
// systemd is not waited for, and one that ends again and again is told of by nobody
// but systemd.
func TestStartKubelet(t *testing.T) {
	g := guardedNode(t, "127.0.0.1")
	manager, err := node.UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	g.systemd.Ends("start "+kubelet, "failed")
	go func() {
		g.asks("start " + kubelet)
		g.systemd.Set(kubelet, played.Properties{"ActiveState": "active"})
	}()
	if err := startKubelet(t.Context(), manager); err != nil {
		t.Errorf("it came up after all: %v", err)
	}
	g.systemd.Set(kubelet, played.Properties{"ActiveState": "inactive", "ConditionResult": false, "Conditions": []struct {
		Name             string
		Trigger, Negated bool
		Value            string
		Result           int32
	}{{"ConditionPathExists", false, false, "/x", -1}}})
	if err := startKubelet(t.Context(), manager); err != nil {
		t.Errorf("skipped: %v", err)
	}
	if err := os.WriteFile(node.RemovedFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.systemd.Set(kubelet, played.Properties{"ActiveState": "failed", "ConditionResult": true})
	g.systemd.Ends("start "+kubelet, "failed")
	if err := startKubelet(t.Context(), manager); err != nil {
		t.Errorf("it has found out that the machine was removed: %v", err)
	}
	if err := os.Remove(node.RemovedFile); err != nil {
		t.Fatal(err)
	}
	g.systemd.Set(kubelet, played.Properties{"ActiveState": "failed", "ConditionResult": true})
	g.systemd.Ends("start "+kubelet, "failed")
	ended := make(chan error)
	go func() { ended <- startKubelet(t.Context(), manager) }()
	for restarts := uint32(0); ; restarts++ {
		g.systemd.Set(kubelet, played.Properties{"NRestarts": restarts})
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(err.Error(), `systemd says "failed"`) {
				t.Errorf("it ends again and again: %v", err)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestReasonLine: a status line has the remedy, and no character that is none.
func TestReasonLine(t *testing.T) {
	if got := reasonLine(fmt.Errorf("then: %w", host.NewFault("try again", "no\x1b room"))); got != host.Printable("then: no\x1b room: try again") {
		t.Errorf("%q", got)
	}
	if got := reasonLine(errors.New("no room")); got != "no room" {
		t.Errorf("%q", got)
	}
}

// TestReloadUnits asks the user's systemd.
func TestReloadUnits(t *testing.T) {
	g := guardedNode(t, "")
	if err := ReloadUnits(t.Context()); err != nil || !slices.Equal(g.systemd.Calls(), []string{"daemon-reload"}) {
		t.Errorf("asked for %q, %v", g.systemd.Calls(), err)
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if err := ReloadUnits(t.Context()); err == nil {
		t.Error("nobody has read the units")
	}
}
