package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// oldNode makes what podsec-u7s-kubeadm init of podsec-k8s 1.x leaves: a home
// with the node's files and storage, subordinate ids, kubeadm's files in
// /etc/kubernetes, data of etcd, an enabled service, and services of the user.
// The folder is the group kube's, and the user is in it.
// Source: its podsec-u7s-kubeadm and u7sinit.sh; kubernetes1.26.spec.
const oldNode = `set -e
echo u7s-admin:500000:65536 >> /etc/subuid; echo u7s-admin:500000:65536 >> /etc/subgid
as() { setpriv --reuid=u7s-admin --regid=u7s-admin --clear-groups "$@"; }
mkdir -p /etc/kubernetes/manifests /etc/kubernetes/pki /etc/kubernetes/audit
for f in admin.conf kubelet.conf scheduler.conf controller-manager.conf manifests/kube-apiserver.yaml manifests/etcd.yaml manifests/kube-flannel.yml; do echo "of the old cluster" > /etc/kubernetes/$f; done
chmod 600 /etc/kubernetes/*.conf; chown -R u7s-admin:u7s-admin /etc/kubernetes/audit /etc/kubernetes/manifests
groupadd -r -f kube; usermod -a -G kube u7s-admin; chgrp kube /etc/kubernetes; chmod 775 /etc/kubernetes
as mkdir -p /var/lib/u7s-admin/.config/systemd/user /var/lib/u7s-admin/.kube /var/lib/podsec/u7s/etcd/member
as sh -c 'echo "[Service]" > /var/lib/u7s-admin/.config/systemd/user/old.service; echo old > /var/lib/u7s-admin/.kube/config; echo layer > /var/lib/u7s-admin/.local/share/usernetes/containers/layer; echo wal > /var/lib/podsec/u7s/etcd/member/wal'
loginctl enable-linger u7s-admin
systemctl enable --now u7s.service
until systemctl --user -M u7s-admin@ start rootlesskit kubelet; do sleep 0.2; done
pgrep -u u7s-admin sleep`

// oldFiles lists all that the old installation has outside of rpm's reach, with
// its owners and contents.
func oldFiles() string {
	return listFiles("/var/lib/u7s-admin /etc/kubernetes /etc/systemd/system /var/lib/podsec /var/lib/systemd/linger /etc/subuid /etc/subgid") +
		`; grep u7s-admin /etc/passwd /etc/group | sed 's/$/\t/'`
}

// TestTakeover: the package comes in the place of ALT's own podsec-k8s 1.x whose
// node runs, makes a node, and gives back all that was there before.
func TestTakeover(t *testing.T) {
	eachGeneration(t, takeOver)
}

func takeOver(t *testing.T, g generation.Generation) {
	m := boot(t, g, "t-takeover")
	m.run("dnf -q -y install podsec-k8s-1.1.10")
	m.run(oldNode)
	before := m.listed(oldFiles())

	t.Run("upgrade", func(t *testing.T) {
		m := m.on(t)
		m.says("dnf -y upgrade podsec-k8s 2>&1", "podsec-k8s 1.x was installed here. Its node cannot be used any more and is being stopped",
			"/etc/kubernetes/kubelet.conf", "multi-user.target.wants/u7s.service",
			"/var/lib/u7s-admin is stored in /var/lib/podsec-k8s/scripts/home", "podsec-k8s-create-master")
		m.says("rpm -q podsec-k8s", "podsec-k8s-2.")
		m.fails("pgrep -u u7s-admin sleep", 1)
		m.says("stat -c '%a %U %F' /var/lib/u7s-admin", "700 u7s-admin directory") // rpm has removed the old package's folders by now
		m.fails("systemctl is-active u7s.service", 3)
	})
	t.Run("node", func(t *testing.T) {
		m := m.on(t)
		m.run("podsec-k8s-create-master")
		m.eventually(time.Minute, "podsec-k8s status && podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/"+m.Name)
		m.run("podsec-k8s host apply && podsec-k8s status") // changes nothing more
		m.says("cat /proc/$(pgrep -x kubelet)/uid_map", "500000")
		m.fails("cat /root/scripts-ran | grep -v u7s-start-stop.sh", 1)
	})
	gone := func(m *machine, words ...string) {
		m.t.Helper()
		out := m.run("dnf -y remove --noautoremove podsec-k8s 2>&1")
		for _, word := range words {
			if !strings.Contains(out, word) {
				m.t.Errorf("does not say %q:\n%s", word, out)
			}
		}
		if strings.Contains(out, "changed since install") {
			m.t.Error(out)
		}
		if all := differences(before, m.listed(oldFiles())); len(all) > 0 {
			m.t.Errorf("after erase:\n%s", strings.Join(all, "\n"))
		}
	}
	t.Run("erase", func(t *testing.T) {
		gone(m.on(t), "the cluster of this node is stored in /var/lib/podsec-k8s/saved/home")
	})
	t.Run("back", func(t *testing.T) {
		m := m.on(t)
		m.says("dnf -y install podsec-k8s 2>&1", "podsec-k8s 1.x was installed here", "the stored cluster is restored")
		m.run("systemctl start kubelet")
		m.eventually(time.Minute, "podsec-k8s status && podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/"+m.Name)
		m.run("podsec-k8s reset --yes")
		gone(m)
		m.run("dnf -q -y install podsec-k8s-1.1.10 && systemctl daemon-reload && systemctl is-enabled u7s.service")
	})
	t.Run("file_system", func(t *testing.T) { takeOverMount(m.on(t)) })
	t.Run("swapped_folder", func(t *testing.T) { eraseBehindLink(m.on(t)) })
}

// takeOverMount: a home that is a separate file system is told of before the
// old node is stopped, and what is told helps.
func takeOverMount(m *machine) {
	m.run("systemctl start u7s.service && until systemctl --user -M u7s-admin@ start rootlesskit; do sleep 0.2; done")
	m.run("mount -t tmpfs -o mode=700 disk /var/lib/u7s-admin && chown u7s-admin: /var/lib/u7s-admin")
	m.says("dnf -y upgrade podsec-k8s 2>&1", "/var/lib/u7s-admin is a separate file system", "umount /var/lib/u7s-admin")
	m.run("pgrep -u u7s-admin sleep")
	m.run("umount /var/lib/u7s-admin")
	m.says("podsec-k8s host apply 2>&1", "podsec-k8s 1.x was installed here", "/var/lib/u7s-admin is stored in /var/lib/podsec-k8s/scripts/home")
	m.fails("pgrep -u u7s-admin sleep", 1)
	m.says("stat -c '%a %U %F' /var/lib/u7s-admin", "700 u7s-admin directory")
}

// eraseBehindLink: the user puts a link in the place of a folder that kept files
// go back to. They stay kept, and root writes nothing where the link leads.
func eraseBehindLink(m *machine) {
	m.run("mkdir /etc/victim; setpriv --reuid=u7s-admin --regid=u7s-admin --init-groups sh -c 'mv /etc/kubernetes/manifests /etc/kubernetes/m2 && ln -s /etc/victim /etc/kubernetes/manifests'")
	m.says("dnf -y remove --noautoremove podsec-k8s 2>&1", "kept /etc/podsec-k8s/scripts/etcd.yaml")
	m.says("ls -A /etc/victim | wc -l; cat /etc/podsec-k8s/scripts/etcd.yaml", "0", "of the old cluster")
}
