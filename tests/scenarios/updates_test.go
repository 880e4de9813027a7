package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestUpdates: what updates of other packages do to kubelet.service leaves the
// node running, or it comes back by itself.
func TestUpdates(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := boot(t, g, "t-updates")
		m.run("dnf -q -y install podsec-k8s && podsec-k8s-create-master")
		m.run("podsec-k8s kubectl wait -n kube-system --for=condition=Ready pod -l k8s-app=kube-dns --timeout=60s")
		updates, err := m.KubeletUpdates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, check := range []struct {
			name string
			run  func(*machine)
		}{
			{"newer kubelet", func(m *machine) { newerKubelet(m, updates+"/"+g.Prefix+"kubelet-*.rpm") }},
			{"systemd", newerSystemd},
			{"another kubelet", func(m *machine) { anotherKubelet(m, updates) }},
			{"by hand", func(m *machine) { stoppedForGood(m, updates) }},
		} {
			t.Run(check.name, func(t *testing.T) { check.run(m.on(t)) })
		}
	})
}

// A running is what an update of others must leave as it is, and the kubelet,
// which it may replace.
type running struct{ containers, services, kubelet string }

func runningIn(m *machine) running {
	pid := func(units string) string { return m.run(userctl + "show -p MainPID --value " + units) }
	return running{
		containers: m.run("podsec-k8s crictl ps -q | sort"),
		services:   pid("u7s-rootlesskit u7s-crio u7s-etcd u7s-kube-apiserver u7s-kube-proxy u7s-flanneld"),
		kubelet:    pid("u7s-kubelet"),
	}
}

// sameNode: the node runs on as it was, and only its kubelet is another process.
func sameNode(m *machine, was running) {
	m.t.Helper()
	m.eventually(time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/"+m.Name)
	now := runningIn(m)
	if now.containers != was.containers || now.services != was.services {
		m.t.Errorf("runs\n%+v\nran\n%+v", now, was)
	}
	if now.kubelet == was.kubelet {
		m.t.Errorf("the kubelet still has pid %s", now.kubelet)
	}
	if out := m.run(`podsec-k8s kubectl get pods -A -o jsonpath='{.items[*].status.containerStatuses[*].restartCount}'`); strings.Trim(out, "0 \n") != "" {
		m.t.Errorf("pods were restarted: %s", out)
	}
}

// restarted: both words are of the kubelet alone, and a service of the node that
// was stopped comes back.
func restarted(m *machine) {
	for _, command := range []string{"systemctl restart kubelet", "systemctl try-restart kubelet.service"} {
		was := runningIn(m)
		m.run(command)
		sameNode(m, was)
	}
	m.run(userctl + "stop u7s-kube-proxy && systemctl restart kubelet")
	m.eventually(time.Minute, userctl+"is-active u7s-kube-proxy && podsec-k8s status")
}

// newerKubelet: the scriptlet of a newer build restarts kubelet.service.
func newerKubelet(m *machine, newer string) {
	was := runningIn(m)
	m.run("rpm -U --nodeps " + newer)
	m.says("rpm -qa '*-kubelet'", "-alt2")
	sameNode(m, was)
	m.run("test $(stat -Lc %i /proc/$(pgrep -x kubelet)/exe) = $(stat -c %i /usr/bin/kubelet)")
}

// newerSystemd: an update of systemd makes its managers replace themselves. The
// guard goes on, and still stops the node.
func newerSystemd(m *machine) {
	was := runningIn(m)
	guard := m.run("systemctl show -p MainPID --value kubelet")
	m.run("systemctl daemon-reexec && " + userctl + "daemon-reexec")
	m.run("systemctl restart kubelet")
	sameNode(m, was)
	m.run(userctl + "daemon-reexec")
	m.eventually(time.Minute, "systemctl is-active kubelet && podsec-k8s status")
	if now := m.run("systemctl show -p MainPID --value kubelet"); now == guard || strings.TrimSpace(now) == "0" {
		m.t.Errorf("the guard had pid %s, and has %s", guard, now)
	}
	m.run("systemctl stop kubelet && ! pgrep -x etcd && systemctl start kubelet")
	m.eventually(time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/"+m.Name)
}

// anotherKubelet: the scriptlet of the package that goes disables and stops
// kubelet.service, and nobody meant the node.
func anotherKubelet(m *machine, updates string) {
	m.run("rpm -U --nodeps " + updates + "/kubernetes-next-kubelet-*.rpm")
	m.within(30*time.Second, func() {
		m.eventually(time.Minute, "systemctl is-enabled kubelet && systemctl is-active kubelet && podsec-k8s kubectl wait --timeout=2s --for=condition=Ready node/"+m.Name)
	})
	m.says("journalctl -u podsec-k8s-after-update --no-pager", "a package update has stopped kubelet.service; it is started again")
	m.fails("systemctl status podsec-k8s-after-update", 4, "could not be found")
}

// stoppedForGood: what an administrator stops stays stopped, whatever packages
// come then, and is told of; so is what is only disabled.
func stoppedForGood(m *machine, updates string) {
	m.run("systemctl disable kubelet")
	m.fails("podsec-k8s status", exitFault, "kubelet.service is disabled", "systemctl enable kubelet")
	m.says("dnf -y reinstall podsec-k8s 2>&1", "kubelet.service is disabled: the node does not start at boot", "systemctl enable kubelet")
	m.run("systemctl stop kubelet")
	m.run("rpm -U --nodeps --replacepkgs " + updates + "/kubernetes-next-kubelet-*.rpm")
	time.Sleep(3 * time.Second) // what would start it looks every half second
	m.fails("systemctl is-active kubelet", 3, "inactive")
	m.fails("podsec-k8s status", exitFault, "the node is stopped", "kubelet.service is disabled")
	m.says("dnf -y remove --noautoremove podsec-k8s 2>&1", "/var/lib/podsec-k8s/saved/home")
	m.fails("systemctl list-units --all --no-legend 'podsec-k8s*' | grep .", 1)
}
