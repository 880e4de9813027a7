package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestUpgradeFails: when the kube-apiserver of the newer version does not come up,
// the node goes back to the version before by itself.
func TestUpgradeFails(t *testing.T) {
	eachUpgrade(t, generation.Patches(), func(t *testing.T, p pair) {
		m := bootInstalled(t, p.from, "t-upf")
		m.run(create)
		deployed(m)
		images := p.offered(m)
		m.run(p.install())
		m.runs(m, p.from, true)
		for _, broken := range []struct{ name, does string }{
			{"ends", "exit 1"},
			{"never answers", "exec sleep infinity"},
		} {
			t.Run(broken.name, func(t *testing.T) { goesBack(m.on(t), p, images, broken.does) })
		}
		t.Run("mended", func(t *testing.T) { mended(m.on(t), p, images) })
	})
}

// goesBack upgrades to a kube-apiserver that only says its version, and finds the
// version before, without hands.
func goesBack(m *machine, p pair, images, does string) {
	m.run(fmt.Sprintf("rm /usr/bin/kube-apiserver && cat > /usr/bin/kube-apiserver <<'E'\n"+
		"#!/bin/sh\n[ \"$1\" != --version ] || { echo Kubernetes %s; exit; }\n%s\nE\nchmod 755 /usr/bin/kube-apiserver", p.to.Kubernetes, does))
	before := m.run(shopPods)
	m.run("podsec-k8s kubectl delete configmap before --ignore-not-found && podsec-k8s kubectl create configmap before")
	start := time.Now()
	m.ends("podsec-k8s upgrade apply --yes --drain=false"+archives(images), exitFault, p.from.Kubernetes)
	m.runs(m, p.from, true)
	m.t.Logf("well again by itself %s after the beginning", time.Since(start).Round(time.Second))
	m.cluster(p.from)
	m.run("podsec-k8s kubectl get configmap before")
	if after := m.run(shopPods); after != before {
		m.t.Errorf("pods before:\n%s\nafter:\n%s", before, after)
	}
}

// mended: with a good kube-apiserver the same command upgrades.
func mended(m *machine, p pair, images string) {
	m.run("dnf -q -y reinstall " + p.to.Prefix + "master && kube-apiserver --version")
	m.upgrades("podsec-k8s upgrade apply --yes --drain=false" + archives(images))
	m.runs(m, p.to, true)
	m.cluster(p.to)
}
