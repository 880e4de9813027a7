package guard

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
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
		{0, 0, firstPause},
		{firstPause, 0, 2 * firstPause},
		{longestPause, 0, longestPause},
		{longestPause, steady, firstPause},
	} {
		if got := nextPause(c.last, c.ran); got != c.want {
			t.Errorf("after %s, having run %s: got %s", c.last, c.ran, got)
		}
	}
}

func TestStatusLine(t *testing.T) {
	n := &node.Node{IP: netip.MustParseAddr("192.0.2.10")}
	here := []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24")}
	for _, c := range []struct {
		name     string
		StateDir host.UnitState
		node     *node.Node
		at       []netip.Prefix
		want     string
	}{
		{"no node", host.UnitState{}, nil, here, "no node on this machine"},
		{"runs", host.UnitState{Active: "active", PID: 7}, n, here, "runs, pid 7"},
		{"another address", host.UnitState{Active: "active"}, n, nil, "no longer has: give"},
		{"half made", host.UnitState{Active: "inactive", Unmet: "ConditionPathExists=x"}, n, here, "half made"},
		{"stopped by hand", host.UnitState{Active: "inactive"}, n, here, "systemctl stop kubelet; systemctl start kubelet"},
		{"failed", host.UnitState{Active: "failed", Result: "exit-code"}, n, here, "failed (exit-code)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := statusLine(c.StateDir, c.node, c.at); !strings.Contains(got, c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}
