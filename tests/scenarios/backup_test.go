package scenarios

import (
	"slices"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestBackup backs a cluster up while it is written to, and makes it again on a new
// machine with another address, and on its own.
func TestBackup(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := boot(t, g, "t-backup")
		other := boot(t, g, "t-backup-new")
		m.run("dnf -q -y install podsec-k8s")
		m.fails("podsec-k8s backup create /root/b.tar", exitFault, "no node on this machine", "remedy")
		m.run(create)
		t.Run("under load", func(t *testing.T) { backupUnderLoad(m.on(t)) })
		t.Run("secret", func(t *testing.T) { secretBackup(m.on(t)) })
		t.Run("kept", func(t *testing.T) { keptBackups(m.on(t)) })
		other.run("dnf -q -y install podsec-k8s")
		t.Run("refusals", func(t *testing.T) { refusedBackups(m.on(t), other.on(t)) })
		t.Run("own machine", func(t *testing.T) { restoreHere(m.on(t)) })
		m.end()
		t.Run("new machine", func(t *testing.T) { restoreElsewhere(other.on(t)) })
	})
}

// loadWriter makes ConfigMaps one after the other, and notes the number of each that the
// cluster has acknowledged, with the time at which it did.
const loadWriter = `mkdir -p /root/load; cat > /root/writer <<'W'
i=0
while [ -e /root/load/on ]; do
	i=$((i+1))
	kubectl create configmap w-$i --from-literal=n=$i >/dev/null && echo $i $(date +%s%N) >> /root/load/log
done
W
touch /root/load/on; systemd-run --quiet --unit writer --setenv=KUBECONFIG=/root/.kube/config sh /root/writer`

// backupUnderLoad: what was acknowledged before the backup began is in it.
func backupUnderLoad(m *machine) {
	m.run("kubectl create secret generic kept --from-literal=password=secret-of-the-test")
	m.run(loadWriter)
	m.eventually(time.Minute, "test $(wc -l < /root/load/log) -gt 5")
	m.run("date +%s%N > /root/load/begun")
	m.says("podsec-k8s backup create /root/b.tar", "The backup: /root/b.tar", "etcd: revision ", "Only root can read it")
	m.run("date +%s%N > /root/load/ended; n=$(wc -l < /root/load/log)")
	m.eventually(time.Minute, "test $(awk -v e=$(cat /root/load/ended) '$2 > e' /root/load/log | wc -l) -gt 3")
	m.run("rm /root/load/on; while systemctl is-active -q writer; do sleep 0.2; done")
	m.says("stat -c '%a %U %h' /root/b.tar", "600 root 1")
	m.says("podsec-k8s backup verify /root/b.tar", "The backup is whole", "on the control plane t-backup")
	m.says("podsec-k8s backup verify /root/b.tar -o json | jq -r '.kind, .apiVersion, .files[0].name'", "ClusterBackup", "podsec-k8s/v1", "site/")
	m.says("tar -tf /root/b.tar", "manifest.json\n", "etcd.db\n", "pki/etcd/ca.key\n", "site/node.conf\n")
	m.fails("podsec-k8s backup create /root/b.tar", exitFault, "exists and is not overwritten", "remedy")
	m.run("test -z \"$(ls -A /root | grep '^[.]b.tar')\" && ! ls /var/lib/u7s-admin/state/backup.db*")
}

// acknowledged: a restored cluster has all that the writer was told is kept before the
// backup began.
func acknowledged(m *machine) {
	m.run("kubectl get configmap -o name | sed -n 's|configmap/w-||p' | sort > /tmp/has; awk -v b=$(cat /root/load/begun) '$2 < b {print $1}' /root/load/log | sort > /tmp/before")
	m.run("test -s /tmp/before && test -z \"$(comm -23 /tmp/before /tmp/has)\"")
	m.says("kubectl get secret kept -o 'jsonpath={.data.password}' | base64 -d", "secret-of-the-test")
}

// nothingLater: it has no gap, and nothing that the writer began after the backup.
func nothingLater(m *machine) {
	m.run("last=$(awk -v e=$(cat /root/load/ended) '$2 < e {n=$1} END {print n+1}' /root/load/log); sort -n /tmp/has | tail -1 > /tmp/newest; test $(cat /tmp/newest) -le $last && test $(cat /tmp/newest) -eq $(wc -l < /tmp/has)")
}

// Keys of age for the test, and one that is not for its backups.
const (
	identity  = "AGE-SECRET-KEY-1J7WRK2G57SGDU5G7JGFKEMH3EM7V27RWGPCEQ6CEE0HGWDAFT9JSHWVNW3"
	recipient = "age1ajhxcz3g4mm5kg328fmpv4e63akfp0cv73e64p38qdkqahgvwdwqjzhl3v"
	another   = "AGE-SECRET-KEY-19RA9226UNHCJKX4KH6HA369XANVMJ03RG0EV56HFARYMYSADMT2QZ7Y65T"
)

// secretBackup: what is encrypted for a key can be read by nobody else, and no secret
// is in a log or a command line.
func secretBackup(m *machine) {
	m.run("umask 077; echo " + identity + " > /root/key.txt; echo " + another + " > /root/wrong.txt")
	m.run("cd /root && umask 000 && strace -f -qq -s 300 -e trace=openat,chmod,fchmod,fchmodat,execve -o /root/trace podsec-k8s backup create --recipient " + recipient + " s.age")
	m.says("stat -c '%a' /root/s.age; grep -c 's.age' /root/trace", "600\n")
	m.says("grep -o '\"[^\"]*s[.]age[0-9]*\".*O_CREAT.*' /root/trace", "O_EXCL", "0600")
	m.run("! grep -E 'chmod.*s[.]age' /root/trace && ! grep -a -q 'BEGIN RSA' /root/s.age")
	m.fails("podsec-k8s backup verify /root/s.age", exitFault, "the backup is encrypted", "--identity FILE")
	m.fails("podsec-k8s backup verify --identity /root/wrong.txt /root/s.age", exitFault, "encrypted for another key", "remedy")
	m.says("podsec-k8s backup verify /root/s.age --identity /root/key.txt", "The backup is whole")
	m.fails("podsec-k8s backup create --recipient nonsense /root/n.tar", exitUsage, "is not a public key of age")
	m.run(`key=$(tar -xOf /root/b.tar pki/ca.key | sed -n 5p) && test -n "$key" && ! journalctl | grep -qF "$key" && ! grep -qF "$key" /root/trace`)
}

// keptBackups: the timer's service makes a backup, and the oldest go.
func keptBackups(m *machine) {
	m.run("printf 'BACKUP_DIR=/srv/backups\\nBACKUP_KEEP=2\\nBACKUP_RECIPIENTS=" + recipient + "\\n' > /etc/podsec-k8s/backup.conf")
	m.run("mkdir -m 700 /srv/backups; cd /srv/backups; for d in 01 02 03; do touch t-backup-202501${d}T000000Z.tar; done; touch mine.tar .t-backup-20250104T000000Z.tar123")
	m.run("systemctl start podsec-k8s-backup.service")
	m.says("ls -A /srv/backups | wc -l; ls -A /srv/backups", "3\n", "mine.tar", "t-backup-20250103T000000Z.tar", "Z.tar.age")
	m.says("podsec-k8s backup list -o json | jq -c '[.backups[] | [.node, .encrypted]]'", `[["t-backup",false],["t-backup",true]]`)
	m.says("podsec-k8s backup verify --identity /root/key.txt /srv/backups/*.age", "The backup is whole")
	m.says("podsec-k8s backup prune --keep 1; podsec-k8s backup list | wc -l", "Deleted /srv/backups/t-backup-20250103T000000Z.tar", "1\n")
	m.run("systemctl enable --now podsec-k8s-backup.timer && systemctl is-active podsec-k8s-backup.timer && systemctl disable --now podsec-k8s-backup.timer; rm /etc/podsec-k8s/backup.conf")
}

// handed copies files of root's to another machine, through this one. A command line
// has its limit.
func handed(from, to *machine, paths ...string) {
	for _, path := range paths {
		to.run("umask 077; : > " + path + ".64")
		for part := range slices.Chunk([]byte(from.run("gzip -c "+path+" | base64 -w 0")), 96<<10) {
			to.run("printf %s '" + string(part) + "' >> " + path + ".64")
		}
		to.run("umask 077; base64 -d " + path + ".64 | gzip -d > " + path + "; rm " + path + ".64")
	}
}

// refusedBackups: what is damaged, cut, newer or not ours is refused before anything
// is touched.
func refusedBackups(m, other *machine) {
	handed(m, other, "/root/b.tar", "/root/s.age", "/root/key.txt")
	other.run("mkdir /root/load")
	handed(m, other, "/root/load/log", "/root/load/begun", "/root/load/ended")
	other.run("cd /root && size=$(stat -c %s b.tar) && cp b.tar flipped.tar && printf X | dd of=flipped.tar bs=1 seek=$((size/2)) conv=notrunc status=none" +
		" && head -c $((size-1024)) b.tar > cut.tar && sed 's|podsec-k8s/v1|podsec-k8s/v9|' b.tar > newer.tar && tar -cf foreign.tar /etc/hostname && head -c 5000 s.age > cut.age")
	before := other.run("find /var/lib/u7s-admin /var/lib/podsec-k8s | sort")
	for file, says := range map[string]string{
		"flipped.tar": "damaged or incomplete", "cut.tar": "damaged or incomplete", "newer.tar": "a newer podsec-k8s made this backup",
		"foreign.tar": "is not a backup of podsec-k8s", "cut.age --identity /root/key.txt": "damaged or incomplete", "none.tar": "no such file",
	} {
		other.fails("cd /root && podsec-k8s backup verify "+file, exitFault, says, "remedy")
		other.fails("cd /root && podsec-k8s restore "+file, exitFault, says, "remedy")
	}
	if after := other.run("find /var/lib/u7s-admin /var/lib/podsec-k8s | sort"); after != before {
		other.t.Errorf("something was touched:\n%s\n%s", before, after)
	}
	other.run("etcd=$(command -v etcd) && mv $etcd $etcd.kept && printf '#!/bin/sh\necho etcd Version: 3.3.0\n' > $etcd && chmod 755 $etcd")
	other.fails("podsec-k8s restore /root/b.tar", exitFault, "this machine has the older 3.3.0", "remedy: install etcd 3.")
	other.run("etcd=$(command -v etcd) && mv $etcd.kept $etcd")
	other.fails("podsec-k8s status", 3)
}

// restoreHere: on its own machine a cluster whose data are lost comes back.
func restoreHere(m *machine) {
	m.run("systemctl stop kubelet; rm -r /var/lib/u7s-admin/state/root/var/lib/etcd/member")
	m.fails("podsec-k8s restore /root/b.tar", exitFault, "this machine is already a node of a cluster", "podsec-k8s reset")
	m.run("podsec-k8s reset --yes --force")
	begun := time.Now()
	m.says("podsec-k8s restore /root/b.tar", "The control plane is restored", "Your kubeconfig")
	m.t.Logf("restored in %s", time.Since(begun))
	isRestored(m)
	acknowledged(m)
	nothingLater(m)
}

// restoreElsewhere: a machine with another address becomes the cluster. A run that is
// cut goes on, and no other command takes its place.
func restoreElsewhere(m *machine) {
	const restore = "podsec-k8s restore /root/s.age --identity /root/key.txt"
	m.says(restore+" --dry-run", "Restoring the control plane", "advertiseAddress: "+m.Address.String())
	m.cut(restore, moment{"certificates", said(`[certs] Generating "etcd/server"`), false}, 3)
	m.cut(restore, moment{"adopting", said("[5/7]"), false}, 1)
	m.fails(create, exitFault, "a cluster with other settings is partly created here")
	m.fails("podsec-k8s restore /root/b.tar", exitFault, "a cluster with other settings is partly created here")
	m.says(restore, "The control plane is restored", "Your kubeconfig")
	isRestored(m)
	acknowledged(m)
	m.run("! ls /var/lib/u7s-admin/state/backup.db* /var/lib/podsec-k8s/backup-*")
}

// isRestored: the cluster is that of the backup, on this machine.
func isRestored(m *machine) {
	k := "podsec-k8s kubectl "
	address := m.Address.String()
	m.run("podsec-k8s status")
	m.says(k+"get node t-backup -o 'jsonpath={.status.addresses[0].address}'", address)
	m.says(k+"-n kube-public get cm cluster-info -o 'jsonpath={.data.kubeconfig}'", "server: https://"+address+":6443")
	m.eventually(time.Minute, k+"get endpoints kubernetes -o 'jsonpath={.subsets[*].addresses[*].ip}' | grep -x "+address)
	m.run(k + "-n kube-system rollout status deployment/coredns --timeout=60s")
	m.run(k + "create namespace after && " + k + "delete namespace after")
}
