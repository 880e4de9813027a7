package scenarios

import (
	"strings"
	"time"
)

// pids returns the processes of the node, by name.
func pids(m *machine) string {
	return m.run("for p in etcd kube-apiserver kube-controller kube-scheduler kubelet kube-proxy flanneld crio; do echo $p $(pgrep -x $p); done")
}

// upgrade: another version of the package, and the same once more, leave the
// cluster running as it is.
func upgrade(m *machine) {
	journal := m.run("cd /var/lib/podsec-k8s/journal && ls && cat *")
	was := pids(m)
	repository, err := m.Newer(m.t.Context(), "99.0")
	if err != nil {
		m.t.Fatal(err)
	}
	newer := "dnf -q -y --nogpgcheck --repofrompath=newer,file://" + repository
	m.run(newer + " upgrade podsec-k8s")
	m.says("rpm -q podsec-k8s", "podsec-k8s-99.0-")
	m.says("podsec-k8s --version", "99.0")
	m.run(newer + " reinstall podsec-k8s")
	if out := m.run("rpm -V podsec-k8s"); strings.TrimSpace(out) != "" {
		m.t.Errorf("rpm -V: %s", out)
	}
	if now := pids(m); now != was {
		m.t.Errorf("processes after the upgrade:\n%swere:\n%s", now, was)
	}
	if now := m.run("cd /var/lib/podsec-k8s/journal && ls && cat *"); now != journal {
		m.t.Errorf("journal after the upgrade:\n%swas:\n%s", now, journal)
	}
	m.says("systemctl is-active kubelet", "active")
	m.says("podsec-k8s kubectl get nodes", " Ready")
}

// erase: the host is as before, the cluster is kept and comes back, and a
// reset before it leaves nothing.
func erase(m *machine, before map[string]string) {
	m.says("dnf -y remove --noautoremove podsec-k8s", "/var/lib/podsec-k8s/saved/home")
	compare(m, before)
	m.says("ls /var/lib/podsec-k8s/saved", "home", "ids.json")
	limitsRestored(m)

	m.run("dnf -q -y install podsec-k8s && systemctl start kubelet")
	m.eventually(2*time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready pod/web")

	m.fails("podsec-k8s reset < /dev/null", 2, "--yes")
	m.run("podsec-k8s reset --yes")
	m.run("dnf -q -y remove --noautoremove podsec-k8s")
	compare(m, before)
	if out := m.run("ls -A /var/lib/podsec-k8s /var/lib/u7s-admin 2>/dev/null || true"); out != "" {
		m.t.Errorf("left in /var/lib: %s", out)
	}
}

func compare(m *machine, before map[string]string) {
	m.t.Helper()
	if all := differences(before, m.snapshot(), toolCaches()...); len(all) > 0 {
		m.t.Errorf("after erase:\n%s", strings.Join(all, "\n"))
	}
	m.says("systemctl show kubelet -p Description", "of the administrator")
	if out, status := m.try("id u7s-admin; pgrep -l 'etcd|kube|crio|rootlesskit'"); status == 0 {
		m.t.Errorf("still there: %s", out)
	}
}
