package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// TestPlanSteps: the first control plane comes first, then the others, then workers.
func TestPlanSteps(t *testing.T) {
	member := func(name, version string, plane bool) upgrade.Member {
		return upgrade.Member{Name: name, Version: version, ControlPlane: plane, Ready: true}
	}
	const minor = "apt-get update && apt-get install podsec-k8s"
	for _, c := range []struct {
		name            string
		version         string // of m1
		cluster, target string
		installed       string
		others          []upgrade.Member
		want            []string
	}{
		{"nothing newer is installed", "v1.34.3", "v1.34.3", "v1.34.3", "v1.34.3", nil, []string{"m1: apt-get"}},
		{"a package came", "v1.34.3", "v1.34.3", "v1.34.4", "v1.34.4", nil, []string{"m1: podsec-k8s upgrade apply v1.34.4"}},
		{
			"a minor, several nodes", "v1.34.4", "v1.34.4", "v1.35.4", "v1.35.4",
			[]upgrade.Member{member("w1", "v1.34.4", false), member("m2", "v1.34.4", true)},
			[]string{"m1: podsec-k8s upgrade apply v1.35.4", "m2: " + minor, "m2: podsec-k8s upgrade node", "w1: " + minor, "w1: podsec-k8s upgrade node"},
		},
		{"another one was first", "v1.34.4", "v1.35.4", "v1.35.4", "v1.34.4", nil, []string{"m1: " + minor, "m1: podsec-k8s upgrade node"}},
		{"others are left", "v1.35.4", "v1.35.4", "v1.35.4", "v1.35.4", []upgrade.Member{member("w1", "v1.34.4", false)}, []string{"w1: " + minor, "w1: podsec-k8s upgrade node"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := upgradePlan{Installed: c.installed, Target: c.target}
			plan.steps(t.Context(), upgrade.State{Name: "m1", Version: c.version, Cluster: c.cluster, Nodes: append([]upgrade.Member{member("m1", c.version, true)}, c.others...)})
			if len(plan.Steps) != len(c.want) {
				t.Fatalf("got %q", plan.Steps)
			}
			for i, want := range c.want {
				if got := plan.Steps[i].Node + ": " + plan.Steps[i].Command; !strings.HasPrefix(got, want) {
					t.Errorf("%d: got %s, want %s", i, got, want)
				}
			}
		})
	}
}

// TestNextMinor is the one that this podsec-k8s knows, if any.
func TestNextMinor(t *testing.T) {
	for version, want := range map[string]string{"v1.26.3": "1.27", "v1.34.4": "1.35", "v1.35.4": "", "nonsense": ""} {
		if got := nextMinor(version); got != want {
			t.Errorf("after %s: %q", version, got)
		}
	}
}

// TestWhatKeepsFromGoingBack: there must be something to go back to, and nobody later.
func TestWhatKeepsFromGoingBack(t *testing.T) {
	later := []upgrade.Member{{Name: "m1", Version: "v1.34.4"}, {Name: "w1", Version: "v1.34.4"}}
	for says, s := range map[string]upgrade.State{
		"no upgrade":             {Name: "m1"},
		"programs of Kubernetes": {Name: "m1", Record: upgrade.Record{From: "v0.0.1", To: "v1.34.4", Finished: true, First: true}, Nodes: later},
	} {
		err := checkBack(s)
		var f *host.Fault
		if !errors.As(err, &f) || f.Remedy.Empty() || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if got := laterNodes(upgrade.State{Name: "m1", Record: upgrade.Record{To: "v1.34.4", Finished: true, First: true}, Nodes: later}); len(got) != 1 || got[0] != "w1" {
		t.Errorf("later are %q", got)
	}
	if got := laterNodes(upgrade.State{Name: "m2", Record: upgrade.Record{To: "v1.34.4", Finished: true}, Nodes: later}); got != nil {
		t.Errorf("after another node: %q", got)
	}
}

// TestUpgradeNote: root's note is kept whole, or there is none.
func TestUpgradeNote(t *testing.T) {
	if err := host.MkdirAll(host.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(upgradeMarker) }) //nolint:errcheck // the next test sees it
	if _, found, err := loadUpgradeNote(); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	want := upgradeNote{To: "v1.34.4", First: true, Uncordon: true, Kubeconfig: "/root/admin.conf", Archives: []string{"/srv/a.tar"}}
	if err := want.save(); err != nil {
		t.Fatal(err)
	}
	got, found, err := loadUpgradeNote()
	if err != nil || !found || got.To != want.To || !got.First || !got.Uncordon || got.Kubeconfig != want.Kubeconfig || len(got.Archives) != 1 || got.Back {
		t.Errorf("%+v, %v, %v", got, found, err)
	}
	if !wasCordoned() {
		t.Error("the note says that an earlier run has cordoned the node")
	}
}

// TestVersionsAreChecked: u7s-admin names versions to root, and no paths.
func TestVersionsAreChecked(t *testing.T) {
	if err := checkVersions([]string{"v1.34.4", "../etc"}); err == nil {
		t.Error("a path is a version")
	}
	if err := checkVersions([]string{"v1.34.4", "v1.34.3"}); err != nil {
		t.Error(err)
	}
}
