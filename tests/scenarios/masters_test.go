package scenarios

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// TestControlPlanes makes a cluster of three control planes and a worker of
// another network mode, takes the first one's power, and lets one go.
func TestControlPlanes(t *testing.T) {
	parallel(t)
	g := generation.All()[0]
	c := bootCluster(t, g, "t-", 3, 1)
	worker := &machine{c.Workers[0], t, new(bool)}
	worker.run(node.WholePackets + " && echo NETWORK=veth > /etc/podsec-k8s/95-network.conf")
	var masters []*machine
	for _, n := range c.Masters {
		masters = append(masters, &machine{n, t, new(bool)})
	}
	proxy := behindProxy(t, g, c.All()...)
	withAudit(masters[0], g)
	var said strings.Builder
	if err := c.Create(t.Context(), &said); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	for _, next := range masters[1:] {
		t.Run("files of "+next.Name, func(t *testing.T) { joinNeedsFiles(next.on(t), masters[0].on(t), sitePolicy) })
	}
	t.Run("broken", func(t *testing.T) { brokenControlPlane(masters[0].on(t), masters[1].on(t)) })
	if err := c.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	healthy(masters[0], "t-m1", "t-m2", "t-m3")
	for _, m := range masters {
		m.says("ss -Hlnt", m.Address.String()+":2380", m.Address.String()+":6443")
	}
	subnets := strings.Fields(masters[0].run("podsec-k8s kubectl get nodes -o jsonpath='{.items[*].spec.podCIDR}'"))
	if slices.Sort(subnets); len(subnets) != 4 || len(slices.Compact(subnets)) != 4 {
		t.Errorf("pod subnets of four nodes: %q", subnets)
	}
	t.Run("traffic", func(t *testing.T) { traffic(masters[0].on(t), masters[1], masters[2], worker) })
	t.Run("proxy", func(t *testing.T) {
		masters[2].on(t).run("podsec-k8s crictl pull " + proxy.Registry + "/web:1")
		onlyTheRegistry(masters[0].on(t), proxy)
	})
	t.Run("certificates", func(t *testing.T) { renewedBehindOthers(masters[0].on(t), masters[1].on(t), masters...) })
	t.Run("configuration", func(t *testing.T) { changedBehindOthers(masters[0].on(t), masters[1].on(t), masters[2].on(t), g) })
	t.Run("power cut", func(t *testing.T) { powerCut(masters[0].on(t), masters[1].on(t)) })
	t.Run("quorum", func(t *testing.T) { quorum(masters[1].on(t), masters[2].on(t)) })
}

// bootCluster boots the nodes of a cluster with podsec-k8s installed.
func bootCluster(t *testing.T, g generation.Generation, prefix string, masters, workers int) node.Cluster {
	t.Helper()
	c := bootNodes(t, g, prefix, masters, workers)
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// bootNodes boots the nodes of a cluster; they end with the test.
func bootNodes(t *testing.T, g generation.Generation, prefix string, masters, workers int) node.Cluster {
	t.Helper()
	packageOnce(t, g)
	c, err := node.BootCluster(t.Context(), node.BootReady, g, prefix, masters, workers)
	for _, n := range c.All() {
		m := &machine{n, t, new(bool)}
		t.Cleanup(m.end)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// healthy waits until the control planes are Ready and members of etcd.
func healthy(m *machine, names ...string) {
	m.t.Helper()
	for _, name := range names {
		m.eventually(3*time.Minute, "podsec-k8s kubectl get node "+name+" -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}' | grep -x True")
		m.eventually(3*time.Minute, "podsec-k8s kubectl -n kube-system wait --timeout=5s --for=condition=Ready pod/etcd-"+name+" pod/kube-apiserver-"+name)
	}
}

// renewedBehindOthers: while one control plane renews its certificates, the others
// answer.
func renewedBehindOthers(first, other *machine, all ...*machine) {
	other.writes(all...)
	first.says("podsec-k8s certs renew", "The certificates are renewed.")
	other.written()
	healthy(first, "t-m1", "t-m2", "t-m3")
}

// changedBehindOthers: a change of the configuration on one control plane shows on the
// others, which take it over one by one. Meanwhile the API is never away behind the rest.
func changedBehindOthers(first, second, third *machine, g generation.Generation) {
	put(first, "/root/config.yaml", clusterDocument(g, "apiServer: {extraArgs: "+extraArgs(g, "max-requests-inflight", "500")+"}")+
		"---\n"+proxyDocument+"iptables: {minSyncPeriod: 2s}\n")
	second.run("podsec-k8s kubectl get configmaps -o name | grep /written- | xargs podsec-k8s kubectl delete") // of the renewal
	second.writes(first, second, third)
	first.says("podsec-k8s config apply /root/config.yaml", "+ kube-apiserver --max-requests-inflight: 500\n", "On the other nodes, run podsec-k8s config apply: t-m2, t-m3, t-")
	for _, m := range []*machine{second, third} {
		m.fails("podsec-k8s config diff", exitFault, "+ kube-apiserver --max-requests-inflight: 500\n", "+ kube-proxy iptables.minSyncPeriod: 2s\n")
		m.says("podsec-k8s config apply && podsec-k8s config diff && ps axww -o args", "the node has the settings", "--max-requests-inflight=500")
	}
	second.written()
	healthy(first, "t-m1", "t-m2", "t-m3")
}

// powerCut: the API goes on without the first control plane, which comes
// back by itself.
func powerCut(first, other *machine) {
	if err := first.PowerOff(first.t.Context()); err != nil {
		first.t.Fatal(err)
	}
	other.eventually(time.Minute, "podsec-k8s kubectl get nodes")
	other.eventually(2*time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready=Unknown node/"+first.Name)
	other.run("podsec-k8s kubectl apply -f - <<'Y'\n" + latePod + "\nY")
	other.eventually(2*time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready pod/late")
	if err := first.PowerOn(first.t.Context()); err != nil {
		first.t.Fatal(err)
	}
	healthy(first, "t-m1", "t-m2", "t-m3")
}

// latePod is made when the cluster has lost a machine. No DaemonSet may take
// it for one of its own.
const latePod = `apiVersion: v1
kind: Pod
metadata: {name: late, labels: {app: late}}
spec:
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, readinessProbe: {httpGet: {path: /, port: 8080}}}]`

// quorum: a control plane that the others need stays, and one that they do
// not need leaves a cluster that works.
func quorum(second, third *machine) {
	if err := third.PowerOff(third.t.Context()); err != nil {
		third.t.Fatal(err)
	}
	second.eventually(3*time.Minute, "podsec-k8s kubectl -n kube-system wait --timeout=5s --for=condition=Ready=false pod/etcd-t-m3")
	second.fails("podsec-k8s reset --yes", exitFault, "no quorum", "--force")
	second.fails("podsec-k8s leave --yes", exitFault, "no quorum", "remove-node NAME --dead")
	deadPlane(second, third)
	third.run("podsec-k8s leave --yes --force --delete-emptydir-data")
	healthy(second, "t-m1", "t-m2")
	if out := second.run("podsec-k8s kubectl get nodes"); strings.Contains(out, "t-m3") {
		second.t.Errorf("the control plane that left is still known:\n%s", out)
	}
	second.eventually(2*time.Minute, "! podsec-k8s kubectl -n kube-system get pods | grep t-m3")
	second.run("podsec-k8s kubectl get --raw /readyz/etcd")
}

// deadPlane: a control plane that is dead goes by the word of another one, with its
// member of etcd; a member that answers does not. With its power back it stays out,
// and joins again after a reset.
func deadPlane(second, third *machine) {
	second.fails("podsec-k8s remove-node t-m3 --yes", exitFault, "does not report to the cluster", "--dead")
	second.says("podsec-k8s remove-node t-m3 --dead --yes", "is removed from the cluster", "certificate authorities")
	healthy(second, "t-m1", "t-m2")
	second.fails("podsec-k8s remove-node t-m1 --yes", exitFault, "is a control plane that runs", "podsec-k8s leave")
	if err := third.PowerOn(third.t.Context()); err != nil {
		third.t.Fatal(err)
	}
	staysOut(second, third)
	third.fails("podsec-k8s status", exitFault, "this machine was removed from its cluster")
	third.run("podsec-k8s reset --yes")
	third.run(second.run("podsec-k8s token create --control-plane"))
	healthy(second, "t-m1", "t-m2", "t-m3")
}
