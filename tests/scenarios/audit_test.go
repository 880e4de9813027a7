package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

const (
	auditFolder = "/var/log/kubernetes/audit"
	auditLog    = auditFolder + "/audit.log"
)

// TestAudit makes a cluster with the audit log that is the default one, and changes
// what is written into it.
func TestAudit(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := boot(t, g, "t-audit")
		m.run("useradd reader && useradd stranger && printf 'AUDIT_GROUP=logs\nAUDIT_MAX_SIZE=1\nAUDIT_MAX_BACKUPS=2\n' > /etc/podsec-k8s-audit.conf" +
			" && mkdir -p /etc/podsec-k8s && mv /etc/podsec-k8s-audit.conf /etc/podsec-k8s/50-audit.conf")
		m.says("dnf -y install podsec-k8s 2>&1", "there is no group logs", "groupadd --system logs")
		m.run("groupadd --system logs && usermod -aG logs reader")
		m.says("podsec-k8s host apply", "logs of uid")
		t.Run("refused", func(t *testing.T) { refusedAudit(m.on(t), g) })
		m.run(create)
		t.Run("default", func(t *testing.T) { auditedByDefault(m.on(t)) })
		t.Run("readers", func(t *testing.T) { auditReaders(m.on(t)) })
		t.Run("off and on", func(t *testing.T) { auditOffAndOn(m.on(t)) })
		t.Run("rotation", func(t *testing.T) { auditRotation(m.on(t)) })
		t.Run("back", func(t *testing.T) { auditBack(m.on(t)) })
		t.Run("reboot", func(t *testing.T) { auditAfterReboot(m.on(t)) })
		t.Run("erase", func(t *testing.T) { auditErased(m.on(t)) })
	})
}

// TestAuditJoins makes a cluster with an audit policy of the site's, which another
// control plane has from the start, and changes it on both.
func TestAuditJoins(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := bootInstalled(t, g, "t-audit-one")
		other := bootInstalled(t, g, "t-audit-two")
		put(m, "/root/policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, users: [anna]}, {level: None}]\n")
		m.run(create + " --audit /root/policy.yaml --upload-certs --control-plane-endpoint " + m.Address.String() + ":6443")
		m.says("podsec-k8s audit status", "audit: by the policy of the site, /etc/kubernetes/podsec-k8s/audit-")
		t.Run("join", func(t *testing.T) { auditOfAnother(m.on(t), other.on(t)) })
		t.Run("cut", func(t *testing.T) { auditCut(m.on(t)) })
		t.Run("apply", func(t *testing.T) { auditApplied(m.on(t), other.on(t)) })
	})
}

// refusedAudit: what can't be meant, or is said twice, is told of before anything is
// done.
func refusedAudit(m *machine, g generation.Generation) {
	m.fails(create+" --audit metadat", exitFault, "reading the audit policy", "metadata, requests, off")
	m.run("echo 'kind: Policy' > /root/half.yaml")
	m.fails(create+" --audit /root/half.yaml", exitFault, "it is not a Policy of audit.k8s.io/v1", "remedy")
	put(m, "/root/own.yaml", auditConfig(g, "/etc/kubernetes/own.yaml", "/var/log/own/"))
	m.fails(create+" --audit requests --config /root/own.yaml", exitUsage, "the kubeadm configuration sets the audit log too")
	if out := m.run(create + " --dry-run --ignore-preflight files --config /root/own.yaml"); strings.Contains(out, "audit-log-maxsize") || !strings.Contains(out, "/etc/kubernetes/own.yaml") {
		m.t.Errorf("ours is beside the site's own:\n%s", out)
	}
	m.fails("podsec-k8s audit status", exitFault, "no node on this machine")
}

// events counts the events that jq selects, with those in renamed files.
func events(filter string) string {
	return "cat " + auditFolder + "/*.log | jq -c 'select(" + filter + ")' | grep -c ."
}

// auditedByDefault: who did what is in the log, what the parts of Kubernetes read is
// not, and no secret is.
func auditedByDefault(m *machine) {
	m.run("cd /root && podsec-k8s user create anna && ! kubectl --kubeconfig anna.kubeconfig get pods")
	m.run("podsec-k8s kubectl create secret generic sesame --from-literal=word=hushhush --from-literal=other=aHVzaGh1c2g")
	m.eventually(time.Minute, events(`.user.username == "anna" and .verb == "list" and .objectRef.resource == "pods" and .responseStatus.code == 403`))
	m.eventually(time.Minute, events(`.verb == "create" and .objectRef.resource == "secrets" and .objectRef.name == "sesame"`))
	noSecret(m)
	for _, filter := range []string{
		`.user.username == "system:kube-scheduler" and .verb == "list" and .objectRef.resource == "pods"`, `.objectRef.resource == "leases"`,
		`.requestURI | startswith("/readyz")`, `has("requestObject") or has("responseObject")`,
	} {
		m.fails(events(filter), 1, "0\n")
	}
	m.says("podsec-k8s audit status", "audit: metadata\n", "log: "+auditLog+"\n", "rotation: 1 MB, 30 days, 2 files")
	m.says("podsec-k8s audit status -o json", `"mode":"metadata","clusterMode":"metadata","current":true`, `"maxSizeMegabytes":1,`)
	m.says(create+" --audit metadata", "already a node")
	m.fails(create+" --audit off", exitFault, "created with another --audit", "podsec-k8s audit set")
}

// noSecret: the words of the secret are in no log, also as the API has them.
func noSecret(m *machine) {
	m.t.Helper()
	m.run("! grep -rqE 'hushhush|aHVzaGh1c2g|YUhWemFHaDFjMmc' " + auditFolder)
}

// auditReaders: the site's group reads the log, and nobody else.
func auditReaders(m *machine) {
	m.says("stat -c '%U %G %a' /var/log/kubernetes "+auditFolder, "root root 755\nu7s-admin logs 750\n")
	m.run("runuser -u reader -- cat " + auditFolder + "/*.log > /dev/null")
	m.fails("runuser -u stranger -- cat "+auditLog, 1, "Permission denied")
	m.fails("runuser -u reader -- touch "+auditFolder+"/x", 1, "Permission denied")
}

// auditOffAndOn: the manifest and the cluster's configuration change together.
func auditOffAndOn(m *machine) {
	config := "podsec-k8s kubectl -n kube-system get configmap kubeadm-config -o yaml"
	m.says("podsec-k8s audit set off", "audit: off\n")
	m.fails("grep audit "+nodeRoot+"/etc/kubernetes/manifests/kube-apiserver.yaml", 1)
	m.fails(config+" | grep audit-", 1)
	m.run("podsec-k8s kubectl create configmap unseen")
	m.says("podsec-k8s audit set requests", "audit: requests\n")
	m.says(config, "/usr/share/podsec-k8s/audit/requests.yaml")
	m.run("podsec-k8s kubectl create configmap seen --from-literal=word=hushhush && podsec-k8s kubectl create service clusterip seen --tcp=80")
	m.run("podsec-k8s kubectl create secret generic again --from-literal=word=hushhush")
	m.eventually(time.Minute, events(`.objectRef.name == "again" and .objectRef.resource == "secrets"`))
	m.run(events(`.objectRef.resource == "services" and .verb == "create" and .requestObject.spec.ports[0].port == 80`))
	m.run(events(`.objectRef.resource == "configmaps" and .objectRef.name == "seen"`))
	m.fails(events(`.objectRef.name == "unseen"`), 1, "0\n")
	noSecret(m)
	m.says("podsec-k8s audit set requests && podsec-k8s audit apply", "audit: requests\n") // again
}

// auditRotation: a large log is renamed, the oldest goes, and the group reads all.
func auditRotation(m *machine) {
	m.run("head -c 180000 /dev/zero | tr '\\0' x > /root/large && for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do " +
		"printf 'apiVersion: v1\\nkind: Namespace\\nmetadata: {name: large-%s, annotations: {large: %s}}\\n' $i $(cat /root/large) | podsec-k8s kubectl create -f - || exit 1; done")
	m.eventually(time.Minute, "test $(ls "+auditFolder+"/audit-*.log | wc -l) = 2 && test -s "+auditLog)
	m.run("runuser -u reader -- cat " + auditFolder + "/*.log > /dev/null")
	m.run("podsec-k8s kubectl delete namespace --wait=false $(seq -f large-%g 18) > /dev/null")
}

// auditBack: with a policy that kube-apiserver does not take, it has the one before
// again. A log that was deleted meanwhile is back, for the group as well.
func auditBack(m *machine) {
	put(m, "/root/bad.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [Nonsense]\nrules: [{level: Metadata}]\n")
	const manifest = "cksum < " + nodeRoot + "/etc/kubernetes/manifests/kube-apiserver.yaml"
	before := m.run(manifest)
	m.run("rm " + auditLog)
	m.fails("podsec-k8s audit set /root/bad.yaml", exitFault, "it has the previous ones again", "Nonsense", "remedy")
	if after := m.run(manifest); after != before {
		m.t.Error("the manifest is another one")
	}
	m.says("podsec-k8s kubectl get --raw /readyz && podsec-k8s audit status", "ok", "audit: requests")
	m.run("test -z \"$(ls " + nodeRoot + "/etc/kubernetes/podsec-k8s)\" && runuser -u reader -- cat " + auditFolder + "/*.log > /dev/null")
}

// auditOfAnother: a control plane that joins has the site's policy.
func auditOfAnother(m, other *machine) {
	other.run(strings.TrimSpace(m.run("podsec-k8s token create --print-join-command --control-plane")))
	other.says("podsec-k8s audit status -o json", `"mode":"file","clusterMode":"file","current":true`, `"otherControlPlanes":["t-audit-one"]`)
	m.run("cd /root && podsec-k8s user create anna")
	other.run("kubectl --kubeconfig /dev/stdin --server https://" + other.Address.String() + ":6443 get nodes <<'Y' || true\n" + m.run("cat /root/anna.kubeconfig") + "Y")
	other.eventually(time.Minute, events(`.user.username == "anna" and .objectRef.resource == "nodes"`))
	other.fails(events(`.user.username != "anna"`), 1, "0\n")
	other.says("stat -c '%U %G %a' "+auditFolder, "u7s-admin root 700\n")
}

// auditCut: what a run has begun that was killed is undone when the node starts, or
// when its manifests are followed anew.
func auditCut(m *machine) {
	const manifest = "cksum < " + nodeRoot + "/etc/kubernetes/manifests/kube-apiserver.yaml"
	before := m.run(manifest)
	m.run("systemd-run -q --unit=set podsec-k8s audit set metadata && until [ -e /var/lib/u7s-admin/state/kube-apiserver.before.yaml ]; do sleep 0.02; done && " +
		"systemctl kill -s KILL podsec-k8s-run.scope && systemctl kill -s KILL set; while systemctl -q is-active set podsec-k8s-run.scope; do sleep 0.1; done")
	m.run("test -e /var/lib/u7s-admin/state/kube-apiserver.before.yaml && " + userctl + "restart u7s-manifests")
	if after := m.run(manifest); after != before {
		m.t.Error("the manifest is another one")
	}
	m.eventually(time.Minute, userctl+"is-active u7s-kube-apiserver && podsec-k8s audit status | grep 'audit: by the policy of the site'")
	m.run("test ! -e /var/lib/u7s-admin/state/kube-apiserver.before.yaml")
}

// auditApplied: what is changed on one control plane is told of on the other, which
// takes it over.
func auditApplied(m, other *machine) {
	m.says("podsec-k8s audit set metadata", "On the other control planes, run podsec-k8s audit apply: t-audit-two")
	other.fails("podsec-k8s audit status", exitFault, "the cluster has another setting, metadata")
	other.says("podsec-k8s audit apply && podsec-k8s audit status", "audit: metadata", "rotation: 100 MB")
	m.fails("podsec-k8s kubectl -n kube-system get configmap podsec-k8s-audit", 1, "not found")
}

// auditAfterReboot: the log is the same one, and goes on.
func auditAfterReboot(m *machine) {
	mark := strings.TrimSpace(m.run("head -1 " + auditLog + " | cksum"))
	if err := m.Reboot(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	m.eventually(2*time.Minute, "podsec-k8s kubectl create configmap after-reboot")
	m.eventually(time.Minute, events(`.objectRef.name == "after-reboot"`))
	m.says("cat "+auditFolder+"/*.log | while read -r l; do printf '%s\\n' \"$l\" | cksum; break; done; head -1 "+auditLog+" | cksum", mark)
	m.says("podsec-k8s audit status", "audit: requests")
	auditReaders(m)
}

// auditErased: the logs stay when podsec-k8s goes, nobody is left who could write
// them, and it is told. A node that is back goes on beside them.
func auditErased(m *machine) {
	m.says("dnf -y remove --noautoremove podsec-k8s 2>&1", "the logs in "+auditFolder+" stay; they belong to root now")
	m.says("stat -c '%U %G %a' "+auditFolder+" "+auditLog, "root logs 750\nroot logs 640\n")
	m.run("runuser -u reader -- cat " + auditFolder + "/*.log > /dev/null")
	m.run("dnf -q -y install podsec-k8s")
	m.says("stat -c '%U %G %a' "+auditFolder+" && ls "+auditFolder, "u7s-admin logs 750\n", "audit-20")
	m.fails("ls "+auditLog, 2) // the node begins a new one
}
