package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// TestRestoreAll loses all three control planes of a cluster, and makes it again on
// machines that are new. A worker has lived on. make restores runs it.
func TestRestoreAll(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		c := bootCluster(t, g, "t-ra-", 3, 1)
		var masters []*machine
		for _, n := range c.Masters {
			masters = append(masters, &machine{n, t, new(bool)})
		}
		worker := &machine{c.Workers[0], t, new(bool)}
		put(masters[0], "/root/policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, users: [anna]}, {level: None}]\n")
		masters[0].run("podsec-k8s-create-master --audit /root/policy.yaml --upload-certs --control-plane-endpoint " + node.Endpoint)
		if err := c.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		container := latePodOn(masters[0], worker)
		fresh := bootInstalled(t, g, "t-ra-new")
		t.Run("backup", func(t *testing.T) { backupOfThree(masters[0].on(t), masters[1].on(t), fresh.on(t)) })
		if t.Failed() {
			return
		}
		for _, m := range masters {
			m.end()
		}
		t.Run("restore", func(t *testing.T) { restoreOfThree(fresh.on(t)) })
		if t.Failed() {
			return
		}
		t.Run("worker", func(t *testing.T) { workerComesBack(fresh.on(t), worker.on(t), container) })
		for _, name := range []string{"t-ra-n2", "t-ra-n3"} {
			next := bootInstalled(t, g, name)
			t.Run("join "+name, func(t *testing.T) { joinsRestored(fresh.on(t), next.on(t)) })
		}
		healthy(fresh, "t-ra-m2", "t-ra-n2", "t-ra-n3")
		fresh.says("podsec-k8s status", "t-ra-m2")
		fresh.run("podsec-k8s kubectl create namespace after")
	})
}

// leads makes the cluster's endpoint lead to a machine, as a site's DNS does.
func leads(m, to *machine) {
	host, _, _ := strings.Cut(node.Endpoint, ":")
	m.run("grep -v ' " + host + "$' /etc/hosts > /tmp/hosts; echo " + to.Address.String() + " " + host + " >> /tmp/hosts; cat /tmp/hosts > /etc/hosts")
}

// containerOf prints the id of the container of the pod late.
const containerOf = "podsec-k8s crictl ps -q --label io.kubernetes.pod.name=late"

// latePodOn runs a pod on a worker, and returns the id of its container.
func latePodOn(master, worker *machine) string {
	worker.run(loadWeb)
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + latePod + "\n  nodeName: " + worker.Name + "\nY")
	master.eventually(2*time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready pod/late")
	return worker.run(containerOf)
}

// backupOfThree backs up on one control plane what a writer writes to another one.
func backupOfThree(writes, m, fresh *machine) {
	writes.run("podsec-k8s kubectl create secret generic kept --from-literal=password=secret-of-the-test")
	writes.run(loadWriter)
	writes.eventually(time.Minute, "test $(wc -l < /root/load/log) -gt 5")
	writes.run("date +%s%N > /root/load/begun")
	m.run("podsec-k8s backup create /root/b.tar")
	writes.run("date +%s%N > /root/load/ended")
	writes.eventually(time.Minute, "test $(awk -v e=$(cat /root/load/ended) '$2 > e' /root/load/log | wc -l) -gt 3")
	writes.run("rm /root/load/on; while systemctl is-active -q writer; do sleep 0.2; done")
	handed(m, fresh, "/root/b.tar")
	fresh.run("mkdir /root/load")
	handed(writes, fresh, "/root/load/log", "/root/load/begun", "/root/load/ended")
}

// restoreOfThree: one new machine is the cluster, with all that the writer was told is
// kept. It says what is left to do.
func restoreOfThree(m *machine) {
	leads(m, m)
	begun := time.Now()
	host, _, _ := strings.Cut(node.Endpoint, ":")
	m.says("podsec-k8s restore /root/b.tar", "The control plane is restored", "no longer in the cluster: t-ra-m1, t-ra-m3",
		"have not reported yet: t-ra-w1", "the name "+host+" has to lead to "+m.Address.String())
	m.t.Logf("restored in %s", time.Since(begun).Round(time.Second))
	m.run("podsec-k8s status")
	m.says("podsec-k8s audit status", "audit: by the policy of the site, /etc/kubernetes/podsec-k8s/audit-")
	m.says("podsec-k8s kubectl get nodes -o name | sort | tr '\\n' ' '", "node/t-ra-m2 node/t-ra-w1 ")
	acknowledged(m)
	nothingLater(m)
}

// workerComesBack: a worker that lived on needs nothing but the name, and its
// containers go on.
func workerComesBack(m, worker *machine, container string) {
	if now := worker.run(containerOf); now != container {
		worker.t.Errorf("the container was %s and is %s", container, now)
	}
	begun := time.Now()
	leads(worker, m)
	m.eventually(2*time.Minute, "podsec-k8s kubectl get node t-ra-w1 -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}' | grep -x True"+
		" && test $(podsec-k8s kubectl -n kube-node-lease get lease t-ra-w1 -o jsonpath='{.spec.renewTime}' | date -f - +%s) -ge "+
		"$(stat -c %Y /var/lib/u7s-admin/state/root/etc/kubernetes/admin.conf)")
	m.t.Logf("the worker came back in %s", time.Since(begun).Round(time.Second))
	m.eventually(2*time.Minute, "podsec-k8s kubectl logs late")
	if now := worker.run(containerOf); now != container {
		worker.t.Errorf("the container was %s and is %s", container, now)
	}
	worker.eventually(time.Minute, "podsec-k8s status") // flanneld looks anew
}

// joinsRestored: a new machine becomes one more control plane, with the site's audit
// policy.
func joinsRestored(m, next *machine) {
	leads(next, m)
	next.run(m.run("podsec-k8s token create --control-plane"))
	next.says("podsec-k8s audit status", "audit: by the policy of the site, /etc/kubernetes/podsec-k8s/audit-")
}
