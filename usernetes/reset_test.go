package usernetes

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// TestReset: kubeadm takes away what it has made, all services end, and nothing of the
// node is left.
func TestReset(t *testing.T) {
	for _, c := range []struct {
		name string
		node bool
		runs bool
		ran  []string
	}{
		{"no node", false, false, nil},
		{"a node that runs", true, true, []string{"kubeadm reset --force", "rm -rf --"}},
		{"a node that is stopped", true, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := playSite(t)
			if c.node {
				if err := s.node.Save(); err != nil {
					t.Fatal(err)
				}
				s.api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
			}
			if c.runs {
				s.systemd.Set(units.RootlessKit, played.Properties{"ActiveState": "active"})
			}
			roottest.WriteFile(t, wipeKit()+"/lock", "") // of a run that was cut
			if err := Reset(t.Context(), ResetRequest{}, io.Discard); err != nil {
				t.Error(err)
			}
			for _, path := range []string{node.StateDir, node.GoneStateDir, s.systemd.Dir + "/u7s", wipeKit()} {
				if _, err := os.Stat(path); !os.IsNotExist(err) {
					t.Errorf("%s is left: %v", path, err)
				}
			}
			if ran := s.ran(); !slices.Equal(ran, c.ran) {
				t.Errorf("ran %q", ran)
			}
			calls := s.systemd.Calls()
			for _, unit := range nodeUnits() {
				if !slices.Contains(calls, "stop "+unit) {
					t.Errorf("%s was not stopped", unit)
				}
			}
			if calls[len(calls)-1] != "stop "+units.RootlessKit {
				t.Errorf("%q came last", calls[len(calls)-1])
			}
		})
	}
}

// TestResetThatFails can be run again: that there is no way back is noted first.
func TestResetThatFails(t *testing.T) {
	s := playSite(t)
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	s.systemd.Ends("stop "+units.Kubelet, "timeout")
	if err := Reset(t.Context(), ResetRequest{Force: true}, io.Discard); err == nil {
		t.Fatal("what did not stop was reset")
	}
	if now, err := steps.LoadSteps(); err != nil || !now.Resetting {
		t.Errorf("%+v, %v", now, err)
	}
	roottest.WriteFile(t, s.dir+"/rootlesskit", "#!/bin/sh\nexit 1\n")
	if err := Reset(t.Context(), ResetRequest{Force: true}, io.Discard); err == nil || !strings.HasPrefix(err.Error(), "deleting the node's state: ") {
		t.Errorf("%v", err)
	}
	roottest.WriteFile(t, s.dir+"/rootlesskit", "#!/bin/sh\nrm -rf "+node.GoneStateDir+"\n")
	if err := Reset(t.Context(), ResetRequest{Force: true}, io.Discard); err != nil {
		t.Errorf("gone on: %v", err)
	}
	if _, err := namespace.ChildPID(); err == nil || !strings.Contains(err.Error(), "there is no node") {
		t.Errorf("%v", err)
	}
}

// TestWipe deletes what reset has renamed.
func TestWipe(t *testing.T) {
	playSite(t)
	roottest.WriteFile(t, node.GoneStateDir+"/x", "")
	if err := RunUnit(t.Context(), "wipe", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(node.GoneStateDir); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}
