package scenarios

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestAddress gives the nodes of a cluster other addresses: a worker, and then the only
// control plane, which the worker follows. Images and volumes stay.
func TestAddress(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m, w := bootInstalled(t, g, "t-address"), bootInstalled(t, g, "t-address-w")
		m.fails("podsec-k8s change-address", exitFault, "no node on this machine", "remedy")
		m.run(create)
		w.run(joinCommand(m))
		for _, one := range []*machine{m, w} {
			one.run(loadWeb)
			one.run("install -d -o u7s-admin /srv/kept")
			m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + strings.ReplaceAll(keepingPod, "NODE", one.Name) + "\nY")
		}
		m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + webSet + "\nY")
		keeps(m, m, w)
		t.Run("refused", func(t *testing.T) { refusedAddress(m.on(t), w.on(t)) })
		t.Run("worker", func(t *testing.T) { movedWorker(m.on(t), w.on(t)) })
		t.Run("worker goes back", func(t *testing.T) { movedBack(m.on(t), w.on(t)) })
		if t.Failed() {
			return
		}
		t.Run("control plane goes back", func(t *testing.T) { movedBack(m.on(t), m.on(t)) })
		t.Run("control plane", func(t *testing.T) { movedControlPlane(m.on(t)) })
		t.Run("follows", func(t *testing.T) { workerFollows(m.on(t), w.on(t)) })
	})
}

// keepingPod has a volume of its own on its node, and a folder of the host.
const keepingPod = `apiVersion: v1
kind: Pod
metadata: {name: keeps-NODE}
spec:
  nodeName: NODE
  tolerations: [{operator: Exists}]
  containers:
  - name: web
    image: "registry.local/web:1"
    imagePullPolicy: Never
    readinessProbe: {httpGet: {path: /, port: 8080}}
    volumeMounts: [{name: empty, mountPath: /v/empty}, {name: host, mountPath: /v/host}]
  volumes: [{name: empty, emptyDir: {}}, {name: host, hostPath: {path: /srv/kept}}]`

// keeps writes a row into the volumes of the pods of each node.
func keeps(m *machine, nodes ...*machine) {
	for _, one := range nodes {
		m.eventually(2*time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready pod/keeps-"+one.Name)
		for _, volume := range []string{"empty", "host"} {
			m.run("podsec-k8s kubectl exec keeps-" + one.Name + " -- /web add /v/" + volume + "/row written")
		}
	}
}

// kept: the pods of each node run, with their volumes; the node has its address, its
// image and no fault, and all pods reach each other.
func kept(m *machine, nodes ...*machine) {
	m.t.Helper()
	for _, one := range nodes {
		m.eventually(comeBack, "podsec-k8s kubectl get node "+one.Name+" -o jsonpath='{.status.addresses[?(@.type==\"InternalIP\")].address}' | grep -x "+one.Address.String())
		for _, volume := range []string{"empty", "host"} {
			m.eventually(comeBack, "podsec-k8s kubectl exec keeps-"+one.Name+" -- /web read /v/"+volume+"/row | grep -F '[written]'")
		}
		one.says("podsec-k8s crictl images", "registry.local/web ")
		one.eventually(comeBack, "podsec-k8s status")
	}
	m.eventually(comeBack, "podsec-k8s kubectl rollout status --timeout=5s daemonset/web")
	m.eventually(comeBack, podsReachPods)
}

// podsReachPods asks each of the two pods from each of them, and the Service.
const podsReachPods = `k="podsec-k8s kubectl"
pods=$($k get pods -l app=web -o jsonpath='{range .items[*]}{.metadata.name}={.status.podIP}{" "}{end}') && test $(echo $pods | wc -w) = 2 || exit 1
for from in $pods; do
	for to in $pods; do
		$k exec ${from%=*} -- /web get http://${to#*=}:8080/ | grep ${to%=*} || exit 1
	done
	$k exec ${from%=*} -- /web get http://front/ | grep web- || exit 1
done`

const networkFile = "/etc/systemd/network/10-host0.network"

// gets gives the machine an address beside the one that it has, or in its place.
func (m *machine) gets(last byte, alone bool) {
	m.t.Helper()
	bytes := m.Address.As4()
	bytes[3] = last
	was, is := m.Address, netip.AddrFrom4(bytes)
	m.run(fmt.Sprintf("ip address add %s/24 dev host0", is))
	if alone {
		m.run(fmt.Sprintf("sed -i 's/%s/%s/' /etc/hosts %s", strings.ReplaceAll(was.String(), ".", "[.]"), is, networkFile))
		m.run(fmt.Sprintf("ip address del %s/24 dev host0; ip address replace %s/24 dev host0; ip route replace default via 10.77.0.1 dev host0", was, is))
	}
	m.Address = is
}

// untouched runs commands that are refused, and fails where they have changed something.
func (m *machine) untouched(do func()) {
	m.t.Helper()
	const look = "cd /var/lib/u7s-admin/state && find . -path ./root/var/lib -prune -o -type f -print0 | sort -z | xargs -0 cksum; podsec-k8s crictl ps -q"
	before := m.run(look)
	do()
	if after := m.run(look); after != before {
		m.t.Errorf("something was changed:\n%s\nwas\n%s", after, before)
	}
}

// refusedAddress: what can't be is told, and nothing is changed.
func refusedAddress(m, w *machine) {
	w.untouched(func() {
		w.fails("podsec-k8s change-address --node-ip 10.77.0.251 --yes", exitFault, "10.77.0.251 is not an address of this machine", "remedy: specify an address of this machine")
		w.fails("podsec-k8s change-address --node-ip 2001:db8::1 --yes", exitFault, "is not an IPv4 address", "remedy")
		w.fails("podsec-k8s change-address --node-ip nonsense --yes", exitUsage, "flag --node-ip")
		w.fails("podsec-k8s change-address --server 'a b' --yes", exitUsage, "flag --server")
		w.says("podsec-k8s change-address --yes", "has the address "+w.Address.String()+" already; nothing was changed")
		w.says("podsec-k8s change-address --yes --server "+m.Address.String(), "already; nothing was changed")
		w.fails("podsec-k8s change-address --yes --server "+m.Address.String()+":10250", exitFault, "does not answer at "+m.Address.String()+":10250", "certificate", "remedy") // the kubelet's, of an authority of its own
	})
	m.untouched(func() {
		m.fails("podsec-k8s change-address --server "+w.Address.String(), exitFault, "this machine is a control plane", "remedy")
		m.says("podsec-k8s change-address --node-ip "+m.Address.String(), "already; nothing was changed")
	})
}

// movedWorker: a worker whose address is gone says what to do, and that helps.
func movedWorker(m, w *machine) {
	w.gets(201, true)
	w.fails("podsec-k8s status", exitFault, "no longer has", "remedy: give the node the address that the machine has: podsec-k8s change-address")
	begun := time.Now()
	w.says("podsec-k8s change-address --yes", "This node, t-address-w, has the address "+w.Address.String())
	w.t.Logf("the worker has another address after %s", time.Since(begun).Round(time.Second))
	kept(m, w)
	// Cut in the middle, it goes on.
	w.gets(202, true)
	w.cut("podsec-k8s change-address --yes", moment{"files", said("[2/6]"), false}, 3)
	w.fails("podsec-k8s status", exitFault, "the change of this node's address is not complete", "remedy: continue it: podsec-k8s change-address")
	w.says("podsec-k8s change-address --yes", "this one continues it", "has the address "+w.Address.String())
	kept(m, w)
	w.run("test ! -e /var/lib/u7s-admin/state/address.json && test ! -e /var/lib/u7s-admin/state/address")
}

// movedBack: a node that does not run with the new address has what it had again, and
// runs, for the machine has that address still.
func movedBack(m, one *machine) {
	was := one.Address
	one.gets(210, false)
	is := one.Address
	one.Address = was
	const dropIn = "/etc/systemd/user/u7s-kubelet.service.d"
	one.run("mkdir -p " + dropIn + " && printf '[Service]\\nExecStartPre=/bin/sh -c \"! grep -qF " + is.String() + " /var/lib/u7s-admin/state/node.json\"\\n' > " + dropIn + "/test.conf && " + userctl + "daemon-reload")
	one.fails("podsec-k8s change-address --yes --node-ip "+is.String(), exitFault, "the node does not run with the address "+is.String()+"; it has again what it had", "remedy")
	one.run("rm -r " + dropIn + " && " + userctl + "daemon-reload")
	one.eventually(comeBack, "podsec-k8s status")
	kept(m, one)
	one.run("ip address del " + is.String() + "/24 dev host0; test ! -e /var/lib/u7s-admin/state/address.json")
}

// movedControlPlane: a power failure just after a write, and the machine comes up with
// another address. The command, which is cut once, brings all back.
func movedControlPlane(m *machine) {
	was := m.Address
	m.run("sed -i 's/^Address=.*/Address=10.77.0.203\\/24/' " + networkFile + "; sed -i 's/" + strings.ReplaceAll(was.String(), ".", "[.]") + "/10.77.0.203/' /etc/hosts; sync")
	m.run("podsec-k8s kubectl create configmap acknowledged --from-literal=key=written")
	if err := m.PowerOff(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	if err := m.PowerOn(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	m.Address = netip.MustParseAddr("10.77.0.203")
	m.fails("podsec-k8s status", exitFault, was.String()+", which this machine no longer has", "podsec-k8s change-address")
	m.cut("podsec-k8s change-address --yes", moment{"control plane", said("[6/10]"), false}, 3)
	begun := time.Now()
	m.says("podsec-k8s change-address", "has the address "+m.Address.String(), "On these nodes: t-address-w\npodsec-k8s change-address --server "+m.Address.String()+":6443", "server: https://"+m.Address.String()+":6443")
	m.t.Logf("the control plane has another address after %s", time.Since(begun).Round(time.Second))
	m.says("kubectl get configmap acknowledged -o 'jsonpath={.data.key}'", "written") // by root's kubeconfig
	m.says("podsec-k8s config diff", "the node has the settings of the configuration")
	m.says("podsec-k8s kubectl -n kube-public get cm cluster-info -o 'jsonpath={.data.kubeconfig}'", "server: https://"+m.Address.String()+":6443")
	m.eventually(time.Minute, "podsec-k8s kubectl get endpoints kubernetes -o 'jsonpath={.subsets[*].addresses[*].ip}' | grep -x "+m.Address.String())
	m.says("podsec-k8s exec sh -c 'cd /etc/kubernetes/pki/etcd; etcdctl --endpoints=https://127.0.0.1:2379 --cacert=ca.crt --cert=healthcheck-client.crt --key=healthcheck-client.key member list'", "https://"+m.Address.String()+":2380")
	if out, status := m.try("grep -rlF " + was.String() + " /var/lib/u7s-admin/state --include=*.json --include=*.yaml --include=*.conf --include=*.env"); status == 0 {
		m.t.Errorf("these name the address of before: %s", out)
	}
	m.run("test ! -e /var/lib/u7s-admin/state/address.json && test ! -e /var/lib/u7s-admin/state/address && test ! -e /var/lib/u7s-admin/state/address.pki")
}

// workerFollows: a worker whose cluster has moved asks there, and its containers go on.
func workerFollows(m, w *machine) {
	containers := w.run("podsec-k8s crictl ps -q")
	w.fails("podsec-k8s change-address --yes", exitFault, "does not answer at", "podsec-k8s change-address --server HOST:PORT")
	w.says("podsec-k8s change-address --yes --server "+m.Address.String(), "This node, t-address-w, has the address "+w.Address.String())
	if now := w.run("podsec-k8s crictl ps -q"); now != containers {
		w.t.Errorf("the containers were\n%s and are\n%s", containers, now)
	}
	kept(m, m, w)
	m.run("podsec-k8s backup create /root/b.tar")
	m.says("podsec-k8s token create --print-join-command", m.Address.String()+":6443")
}
