package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestLeave takes machines out of a cluster: one is removed from the control plane
// while it runs and told so, the same one leaves by itself, and one is dead. Control
// planes leave in TestControlPlanes and TestCuts.
func TestLeave(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		c := bootCluster(t, g, "t-l", 1, 2)
		master, worker, dead := &machine{c.Masters[0], t, new(bool)}, &machine{c.Workers[0], t, new(bool)}, &machine{c.Workers[1], t, new(bool)}
		master.fails("podsec-k8s leave --yes", exitFault, "no node on this machine", "remedy")
		master.run(create)
		if err := c.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		worker.run(loadWeb)
		master.run(loadWeb)
		master.run("podsec-k8s kubectl wait --timeout=120s --for=condition=Ready node --all")
		dead.eventually(time.Minute, "test -s /var/lib/u7s-admin/state/member.json")
		master.run("podsec-k8s kubectl cordon " + dead.Name)
		if err := dead.PowerOff(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Run("refused", func(t *testing.T) { leavingRefused(master.on(t), worker.on(t)) })
		t.Run("removed", func(t *testing.T) { removedAlive(master.on(t), worker.on(t)) })
		if t.Failed() {
			return
		}
		t.Run("told", func(t *testing.T) { toldRemoved(master.on(t), worker.on(t)) })
		t.Run("dead", func(t *testing.T) { removedDead(master.on(t), dead.on(t)) })
		if t.Failed() {
			return
		}
		t.Run("leaves", func(t *testing.T) { leavesItself(master.on(t), worker.on(t)) })
	})
}

// leavingRefused: a worker has no right to it, and without the last control plane
// there is no cluster.
func leavingRefused(master, worker *machine) {
	worker.fails("podsec-k8s leave --yes", exitFault, "a worker may not drain and delete its own node", "podsec-k8s remove-node "+worker.Name)
	worker.fails("podsec-k8s remove-node "+master.Name+" --yes", exitFault, "this node is not a control plane")
	master.fails("podsec-k8s leave --yes", exitFault, "this is the last control plane", "podsec-k8s reset")
	master.fails("podsec-k8s remove-node --yes "+master.Name, exitFault, "is the node of this machine", "podsec-k8s leave")
	master.fails("podsec-k8s remove-node nobody --yes", exitFault, "the cluster has no node nobody")
	master.fails("podsec-k8s remove-node "+worker.Name+" --dead --yes", exitFault, "is not dead")
	master.fails("podsec-k8s remove-node "+worker.Name+" < /dev/null", exitUsage, "--yes")
	if out := master.run("podsec-k8s kubectl get node " + master.Name + " " + worker.Name); strings.Contains(out, "SchedulingDisabled") {
		master.t.Errorf("a refused call has changed a node:\n%s", out)
	}
}

// removedAlive: a drain that a budget holds names the pod and what to do; what was
// cut goes on; the workload moves and is never without a pod.
func removedAlive(master, worker *machine) {
	k := "podsec-k8s kubectl "
	master.run(k + "create namespace shop && " + k + "-n shop apply -f - <<'Y'\n" + shop + "\nY")
	master.run(k + "-n shop rollout status --timeout=120s deployment/web")
	master.run(k + "run alone --image registry.local/web:1 --image-pull-policy Never --overrides '{\"spec\":{\"terminationGracePeriodSeconds\":2,\"nodeName\":\"" + worker.Name + "\"}}'")
	remove := "podsec-k8s remove-node " + worker.Name + " --yes"
	master.fails(remove, exitFault, "use --force to override", "is not empty", "pod default/alone", "kubectl uncordon "+worker.Name)
	master.fails(remove+" --force --timeout 6s", exitFault, "pod shop/web-", "a PodDisruptionBudget does not allow its eviction", "--namespace shop get poddisruptionbudgets", "--disable-eviction")
	master.run(k + "-n shop scale --replicas=2 deployment/web && " + k + "-n shop rollout status --timeout=120s deployment/web")
	master.cut(remove, moment{"drain", said("evicting pod"), false}, 3)
	master.says(remove, "is removed from the cluster", "podsec-k8s reset")
	if out := master.run(k + "get nodes -o name"); strings.Contains(out, worker.Name) {
		master.t.Errorf("the node is still known:\n%s", out)
	}
	master.run(k + "-n shop rollout status --timeout=120s deployment/web")
	master.says(k+"-n shop get pods -o jsonpath='{.items[*].spec.nodeName}'", master.Name+" "+master.Name)
	master.says(remove, "was removed before")
}

// shop is a workload of one pod that prefers the worker, and a budget that lets none
// of one go.
const shop = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]
      affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, preference: {matchExpressions: [{key: node-role.kubernetes.io/control-plane, operator: DoesNotExist}]}}]}}
      containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, readinessProbe: {httpGet: {path: /, port: 8080}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}`

// toldRemoved: a machine that was removed says so, stops its node and stays out,
// until a reset.
func toldRemoved(master, worker *machine) {
	worker.eventually(time.Minute, "podsec-k8s status | grep 'this machine was removed from its cluster'")
	worker.fails("podsec-k8s status -o json", exitFault, `"state":"removed"`, "podsec-k8s reset")
	worker.eventually(time.Minute, "! pgrep -x kubelet")
	worker.run("systemctl restart kubelet")
	staysOut(master, worker)
	worker.fails("podsec-k8s join "+master.Address.String()+":6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:"+strings.Repeat("0", 64), exitFault, "was removed from its cluster", "podsec-k8s reset")
	worker.run("podsec-k8s reset --yes")
	worker.fails("podsec-k8s status", exitNoNode, "no node on this machine")
}

// staysOut: the guard runs, and no kubelet that would make the Node object again.
func staysOut(master, m *machine) {
	m.t.Helper()
	m.eventually(time.Minute, "systemctl status kubelet --no-pager | grep 'this machine was removed from its cluster'")
	m.run("systemctl is-active kubelet && ! pgrep -x kubelet")
	if out := master.run("podsec-k8s kubectl get nodes -o name"); strings.Contains(out, m.Name) {
		m.t.Errorf("it has come back:\n%s", out)
	}
}

// removedDead: a machine without power is removed when that is said, and does not
// come back with the power.
func removedDead(master, dead *machine) {
	master.eventually(2*time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready=Unknown node/"+dead.Name)
	master.fails("podsec-k8s remove-node "+dead.Name+" --yes", exitFault, "does not report to the cluster", "--dead")
	master.says("podsec-k8s remove-node "+dead.Name+" --dead --yes", "is removed from the cluster")
	if err := dead.PowerOn(dead.t.Context()); err != nil {
		dead.t.Fatal(err)
	}
	staysOut(master, dead)
	dead.fails("podsec-k8s status", exitFault, "this machine was removed from its cluster")
}

// leavesItself: a worker that joined again leaves by the kubeconfig of someone who may remove nodes,
// and no other; after a power cut it goes on.
func leavesItself(master, worker *machine) {
	worker.run(joinCommand(master))
	master.run("podsec-k8s user create leaver --out - > /root/leaver 2> /dev/null")
	worker.run("umask 077 && cat > /root/leaver <<'Y'\n" + master.run("cat /root/leaver") + "Y")
	leave := "podsec-k8s leave --yes --kubeconfig /root/leaver"
	worker.fails(leave, exitFault, "asking the cluster for node "+worker.Name, "orbidden")
	master.run("podsec-k8s user bind leaver --clusterrole podsec-k8s:platform-admin")
	worker.run(background + leave)
	worker.run("until ! test -e " + ofNode + "/etc/kubernetes/kubelet.conf; do sleep 0.02; done")
	if err := worker.PowerOff(worker.t.Context()); err != nil {
		worker.t.Fatal(err)
	}
	if err := worker.PowerOn(worker.t.Context()); err != nil {
		worker.t.Fatal(err)
	}
	worker.eventually(time.Minute, "podsec-k8s status | grep 'was interrupted'")
	worker.says(leave, "is not a node of the cluster any more")
	worker.fails("podsec-k8s status", exitNoNode, "no node on this machine")
	worker.fails(leave, exitFault, "there is no node on this machine")
	if out := master.run("podsec-k8s kubectl get nodes -o name"); strings.TrimSpace(out) != "node/"+master.Name {
		master.t.Errorf("the nodes that are left: %s", out)
	}
	if out := worker.run("ls -A /var/lib/u7s-admin; ls /var/lib/podsec-k8s | grep -x cluster; true"); strings.TrimSpace(out) != "" {
		worker.t.Errorf("left behind:\n%s", out)
	}
	if out := worker.run("grep -rlF \"$(sed -n 's/.*client-key-data: //p' /root/leaver)\" /var/lib /run/user /run/podsec-k8s 2>/dev/null; true"); out != "" {
		worker.t.Errorf("the administrator's key is in %s", out)
	}
}
