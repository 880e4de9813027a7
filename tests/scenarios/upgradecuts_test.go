package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// upgradeMoments are those of an upgrade to a version in which the power is cut.
func upgradeMoments(version string) []moment {
	moved := func(name string) string {
		return fmt.Sprintf("grep -q %[1]s:%[2]s %[3]s/etc/kubernetes/manifests/%[1]s.yaml", name, version, stateRoot)
	}
	return []moment{
		{"namespaces", said("[1/6]"), false},
		{"images", said("[2/6]"), false},
		{"saving", said("[3/6]"), false},
		{"kubeadm", said("[4/6]"), false},
		{"kube-apiserver", moved("kube-apiserver"), false},
		{"kube-controller-manager", moved("kube-controller-manager"), false},
		{"kube-scheduler", moved("kube-scheduler"), false},
		{"services", said("[5/6]"), false},
		{"waiting for the node", said("[6/6]"), false},
		{"root's end", said("This node runs Kubernetes"), true},
	}
}

// TestUpgradeCuts takes the machine's power at each moment of an upgrade, and of the way
// back. It comes up with the older or the newer version, well, without hands.
func TestUpgradeCuts(t *testing.T) {
	eachUpgrade(t, generation.Patches(), func(t *testing.T, p pair) {
		m := bootInstalled(t, p.from, "t-upc")
		m.run(create)
		deployed(m)
		up := "podsec-k8s upgrade apply --yes --drain=false" + archives(p.offered(m))
		m.run(p.install())
		m.runs(m, p.from, true)
		for _, at := range upgradeMoments(p.to.Kubernetes) {
			t.Run(at.name, func(t *testing.T) { cutUpgrade(m.on(t), p, up, at) })
			if t.Failed() {
				return
			}
		}
		m.upgrades(up)
		back := moment{"going back", said("[2/"), false}
		t.Run(back.name, func(t *testing.T) { m.on(t).cutPower("podsec-k8s upgrade rollback --yes", p, back) })
	})
}

// cutUpgrade takes the power at a moment of an upgrade. A node that comes up with the
// newer version goes back, so that it can be upgraded again.
func cutUpgrade(m *machine, p pair, command string, at moment) {
	if now := m.cutPower(command, p, at); now.Kubernetes == p.to.Kubernetes {
		m.upgrades("podsec-k8s upgrade rollback --yes")
		m.runs(m, p.from, true)
	}
}

// cutPower takes the power at a moment of a command, boots the machine again, and
// returns which of the two it has become by itself.
func (m *machine) cutPower(command string, p pair, at moment) generation.Generation {
	m.t.Helper()
	m.run(fmt.Sprintf(": > %[1]s; systemd-run -q --collect --unit=upgrading -p StandardOutput=append:%[1]s -p StandardError=append:%[1]s %[2]s", cutLog, command))
	if out, status := m.tryFor(upgradeTimeout, fmt.Sprintf("until %s; do systemctl is-active -q upgrading || { %[1]s; exit; }; sleep 0.05; done", at.when)); status != 0 {
		m.t.Fatalf("%s has ended before: %s\n%s", command, out, m.run("cat "+cutLog))
	}
	if err := m.PowerOff(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	start := time.Now()
	if err := m.PowerOn(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	now := m.settled(p)
	m.t.Logf("Kubernetes %s, well %s after the boot", now.Kubernetes, time.Since(start).Round(time.Second))
	m.cluster(now)
	m.run("podsec-k8s kubectl rollout status --timeout=120s deployment/shop")
	return now
}

// settled waits until no upgrade is unfinished and the node is well, and returns
// which of the two it has become.
func (m *machine) settled(p pair) generation.Generation {
	m.t.Helper()
	m.eventually(commandTimeout-10*time.Second, "! systemctl is-active podsec-k8s-upgrade.service | grep -qx -e active -e activating && podsec-k8s status && podsec-k8s kubectl get --raw /readyz")
	version := strings.TrimSpace(m.run("podsec-k8s kubectl get --raw /version | jq -r .gitVersion"))
	for _, g := range []generation.Generation{p.from, p.to} {
		if g.Kubernetes == version {
			m.runs(m, g, true)
			return g
		}
	}
	m.t.Fatalf("the API has version %q", version)
	return generation.Generation{}
}
