package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// TestNetworkPolicy: where its package is not installed, a policy says so itself; where it
// is, each kind of policy is enforced, on a node of slirp4netns and on one of another
// mode; and when it is uninstalled nothing of it is left.
func TestNetworkPolicy(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		mode := "pasta"
		if g.Name == generation.All()[0].Name {
			mode = "veth"
		}
		master, worker := bootInstalled(t, g, "t-np1"), bootInstalled(t, g, "t-np2")
		master.run("podsec-k8s-create-master")
		worker.run(joinCommand(master, "--network="+mode))
		for _, m := range []*machine{master, worker} {
			m.run(node.WholePackets + " && " + loadWeb)
		}
		master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + fmt.Sprintf(policyPods, worker.Name, master.Name) + "\nY")
		for _, namespace := range []string{"shop", "other"} {
			master.run("podsec-k8s kubectl -n " + namespace + " wait --timeout=120s --for=condition=Ready pod --all")
		}
		before := worker.snapshot()
		directory := policyPackage(t, master)
		t.Run("not installed", func(t *testing.T) { notEnforced(master.on(t), worker.on(t)) })
		t.Run("on one node", func(t *testing.T) { enforcedOnOne(master.on(t), worker.on(t), directory) })
		worker.run("dnf -q -y install " + directory + "/*.rpm")
		for _, kind := range policyKinds() {
			t.Run(kind.name, func(t *testing.T) { kind.enforced(master.on(t)) })
		}
		if mode == "veth" {
			t.Run("outside", func(t *testing.T) { outsidePolicies(master.on(t), worker.on(t)) })
		} else {
			t.Run("pretender", func(t *testing.T) { policyPretender(master.on(t), worker.on(t)) })
		}
		t.Run("no endpoints", func(t *testing.T) { refusedService(master.on(t)) })
		t.Run("restarts", func(t *testing.T) { policiesStay(master.on(t), worker.on(t)) })
		t.Run("it fails", func(t *testing.T) { engineFails(master.on(t), worker.on(t)) })
		t.Run("uninstalled", func(t *testing.T) { policiesGone(master.on(t), worker.on(t), before) })
	})
}

// policyPackage builds the package, and returns its directory in every node.
func policyPackage(t testing.TB, m *machine) string {
	t.Helper()
	directory, err := m.PolicyPackage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

// policyPods are a server on the worker, %[1]s, with two ports, and those who ask it: one
// beside it, one on the master, %[2]s, and one there in another namespace.
const policyPods = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: other, labels: {team: guests}}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: shop, labels: {app: server}}
spec:
  nodeName: %[1]s
  containers:
  - name: web
    image: registry.local/web:1
    imagePullPolicy: Never
    command: [/web, listen, "tcp::8080", "tcp::8090"]
    ports: [{name: http, containerPort: 8080}, {name: admin, containerPort: 8090}]
    readinessProbe: {tcpSocket: {port: 8080}}
---
apiVersion: v1
kind: Pod
metadata: {name: near, namespace: shop, labels: {app: near}}
spec:
  nodeName: %[1]s
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never}]
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: shop, labels: {app: far}}
spec:
  nodeName: %[2]s
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never}]
---
apiVersion: v1
kind: Pod
metadata: {name: guest, namespace: other, labels: {app: guest}}
spec:
  nodeName: %[2]s
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never}]
---
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: shop}
spec:
  selector: {app: nobody}
  ports: [{port: 80}]`

// everyone is what all reach without policies.
const everyone = "near:8080 near:8090 far:8080 far:8090 guest:8080 guest:8090"

// askServer prints who reaches which port of the server.
const askServer = `export KUBECONFIG=/root/.kube/config
server=$(kubectl -n shop get pod server -o jsonpath='{.status.podIP}')
for from in shop/near shop/far other/guest; do for port in 8080 8090; do
	! kubectl -n ${from%/*} exec ${from#*/} -- /web get http://$server:$port/ >/dev/null 2>&1 || echo ${from#*/}:$port
done; done | xargs`

// reached waits until just these reach the server.
func reached(master *machine, within time.Duration, want string) {
	master.t.Helper()
	master.run("cat > /root/ask.sh <<'E'\n" + askServer + "\nE")
	master.eventually(within, `got=$(sh /root/ask.sh); echo "reached by: $got"; test "$got" = "`+want+`"`)
}

// policy is a NetworkPolicy of the server's namespace, with a spec.
func policy(name, spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec
}

func applyPolicy(master *machine, name, spec string) {
	master.t.Helper()
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + policy(name, spec) + "\nY")
}

// denyIngress lets nobody reach the server.
const denyIngress = "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}"

// notEnforced: each policy has one event of each node, and status has a line.
func notEnforced(master, worker *machine) {
	applyPolicy(master, "deny", denyIngress)
	for _, m := range []*machine{master, worker} {
		m.eventually(time.Minute, "podsec-k8s status | grep \"WARNING: this node does not enforce the cluster's 1 NetworkPolicy\"")
		m.says("podsec-k8s status -o json | jq -r '.warnings[].remedy'", "apt-get install podsec-k8s-network-policy")
		m.says("LC_ALL=ru_RU.UTF-8 podsec-k8s status", "этот узел не применяет 1 NetworkPolicy")
		m.run(userctl + "restart u7s-ports") // which knows nothing of what was told before
	}
	reached(master, time.Minute, everyone)
	master.eventually(30*time.Second, policyEvents+"deny | sort | xargs | grep -x '"+master.Name+" "+worker.Name+"'")
	master.says("podsec-k8s kubectl -n shop describe networkpolicy deny; podsec-k8s kubectl -n shop get events", "node "+worker.Name+" does not enforce it")
}

// policyEvents prints the nodes of the events of a policy.
const policyEvents = "podsec-k8s kubectl -n shop get events -o jsonpath='{range .items[*]}{.source.host}{\"\\n\"}{end}' --field-selector reason=NotEnforced,involvedObject.name="

// enforcedOnOne: each node says it of itself.
func enforcedOnOne(master, worker *machine, directory string) {
	master.run("dnf -q -y install " + directory + "/*.rpm")
	master.eventually(time.Minute, userctl+"is-active u7s-network-policy && podsec-k8s exec iptables -S KUBE-ROUTER-FORWARD | grep KUBE-POD-FW")
	master.eventually(time.Minute, "! podsec-k8s status | grep NetworkPolic")
	master.eventually(time.Minute, "podsec-k8s status")
	applyPolicy(master, "second", denyIngress)
	master.eventually(30*time.Second, policyEvents+"second | xargs | grep -x "+worker.Name)
	master.run("podsec-k8s kubectl -n shop delete networkpolicy --all")
}

// A policyKind is a policy, and who reaches the server then.
type policyKind struct{ name, spec, reached string }

func policyKinds() []policyKind {
	ingress := func(from string) string {
		return "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [" + from + "]}"
	}
	egress := func(to string) string {
		return "{podSelector: {matchLabels: {app: near}}, policyTypes: [Egress], egress: [" + to + "]}"
	}
	const others = " far:8080 far:8090 guest:8080 guest:8090"
	return []policyKind{
		{"deny", denyIngress, ""},
		{"pods by label", ingress("{from: [{podSelector: {matchLabels: {app: far}}}]}"), "far:8080 far:8090"},
		{"namespaces by label", ingress("{from: [{namespaceSelector: {matchLabels: {team: guests}}}]}"), "guest:8080 guest:8090"},
		{"address block", ingress("{from: [{ipBlock: {cidr: 10.244.0.0/16, except: [FAR/32]}}]}"), "near:8080 near:8090 guest:8080 guest:8090"},
		{"named port", ingress("{ports: [{port: admin}]}"), "near:8090 far:8090 guest:8090"},
		{"deny egress", egress(""), others[1:]},
		{"egress to a port of pods", egress("{to: [{podSelector: {matchLabels: {app: server}}}], ports: [{port: 8080}]}"), "near:8080" + others},
		{"egress to a named port", egress("{ports: [{port: admin}]}"), "near:8090" + others},
		{"egress to an address block", egress("{to: [{ipBlock: {cidr: 10.244.0.0/16, except: [SERVER/32]}}]}"), others[1:]},
	}
}

// enforced applies the policy and takes it away again.
func (k policyKind) enforced(master *machine) {
	spec := k.spec
	for word, pod := range map[string]string{"FAR": "far", "SERVER": "server"} {
		if strings.Contains(spec, word+"/32") {
			spec = strings.ReplaceAll(spec, word, strings.TrimSpace(master.run("podsec-k8s kubectl -n shop get pod "+pod+" -o jsonpath='{.status.podIP}'")))
		}
	}
	applyPolicy(master, "one", spec)
	reached(master, time.Minute, k.reached)
	master.run("podsec-k8s kubectl -n shop delete networkpolicy one")
	reached(master, time.Minute, everyone)
}

// publishedServer gives the server a node port.
const publishedServer = `apiVersion: v1
kind: Service
metadata: {name: server, namespace: shop}
spec: {type: NodePort, selector: {app: server}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}`

// outsidePolicies: who comes from outside to the node of the pod is known by its address,
// in the mode veth. In others RootlessKit's port driver comes as the node, where a policy
// refuses the client's address.
func outsidePolicies(master, worker *machine) {
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + publishedServer + "\nY")
	for _, c := range []struct {
		what, spec string
		answers    bool
	}{
		{"without a policy", "", true},
		{"nobody is let in", "{podSelector: {}, policyTypes: [Ingress]}", false},
		{"others are let in", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}", false},
		{"clients are let in", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.77.0.1/32}}]}]}", true},
	} {
		if c.spec != "" {
			applyPolicy(master, "outside", c.spec)
		}
		deadline := time.Now().Add(30 * time.Second)
		for (askOutside(worker, "tcp", worker.Address.String()+"/30080") != "") != c.answers {
			if time.Now().After(deadline) {
				master.t.Fatalf("%s, and the server answers outside: %v", c.what, !c.answers)
			}
		}
	}
	master.run("podsec-k8s kubectl -n shop delete networkpolicy/outside service/server")
}

// policyPretender: who comes from outside with a pod's address is not let in as that pod.
func policyPretender(master, worker *machine) {
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + strings.Replace(publishedServer, "NodePort,", "NodePort, externalTrafficPolicy: Local,", 1) + "\nY")
	applyPolicy(master, "pods", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16}}]}]}")
	answersAt(worker, "tcp", worker.Address.String()+"/30080")
	pretender(worker, "30080")
	master.run("podsec-k8s kubectl -n shop delete networkpolicy/pods service/server")
}

// refusedService: a Service without pods refuses at once, as without the package.
func refusedService(master *machine) {
	address := strings.TrimSpace(master.run("podsec-k8s kubectl -n shop get service empty -o jsonpath='{.spec.clusterIP}'"))
	for _, pod := range []string{"near", "far"} {
		master.fails("podsec-k8s kubectl -n shop exec "+pod+" -- /web get http://"+address+"/", 1, "connection refused")
	}
}

// policiesStay: they are in force while their service is restarted, and are again when
// the node is; rules that somebody deletes come back.
func policiesStay(master, worker *machine) {
	applyPolicy(master, "deny", denyIngress)
	reached(master, time.Minute, "")
	for range 3 {
		worker.run(userctl + "restart u7s-network-policy")
		if got := strings.TrimSpace(master.run("sh /root/ask.sh")); got != "" {
			master.t.Errorf("while it restarts, the server is reached by %s", got)
		}
	}
	worker.run("podsec-k8s exec iptables -F KUBE-ROUTER-FORWARD")
	reached(master, 2*time.Minute, "")
	worker.run("systemctl stop kubelet; systemctl start kubelet")
	master.run("podsec-k8s kubectl -n shop wait --timeout=180s --for=condition=Ready pod --all")
	worker.eventually(time.Minute, userctl+"is-active u7s-network-policy")
	reached(master, 2*time.Minute, "")
	worker.eventually(time.Minute, "podsec-k8s status")
	master.run("podsec-k8s kubectl -n shop delete networkpolicy deny")
	reached(master, time.Minute, everyone)
}

// replaced has a program fail until it is put back.
func replaced(m *machine, program, says string) (back func()) {
	m.run(fmt.Sprintf("mv %[1]s %[1]s.away && printf '#!/bin/sh\\necho %[2]s >&2\\nexit 1\\n' > %[1]s && chmod 755 %[1]s", program, says))
	return func() { m.run(fmt.Sprintf("mv %[1]s.away %[1]s", program)) }
}

// engineFails: what keeps policies from being enforced is told, from the start of the
// service or later.
func engineFails(master, worker *machine) {
	back := replaced(worker, "/usr/sbin/ipset", "no sets here")
	worker.run(userctl + "restart u7s-network-policy")
	worker.eventually(time.Minute, "podsec-k8s status | grep -A9 u7s-network-policy | grep 'this machine cannot enforce NetworkPolicies: .*no sets here'")
	worker.fails("podsec-k8s status", exitFault, "u7s-network-policy.service")
	back()
	worker.eventually(time.Minute, "podsec-k8s status")
	back = replaced(worker, "/usr/sbin/iptables-restore", "no rules here")
	applyPolicy(master, "late", denyIngress)
	worker.eventually(90*time.Second, "podsec-k8s status | grep 'FAULT: not all NetworkPolicies are enforced as they are now: .*no rules here'")
	back()
	master.run("podsec-k8s kubectl -n shop delete networkpolicy late")
	worker.eventually(90*time.Second, "podsec-k8s status")
}

// policiesGone: without the package all is open again, and no rule, set or file is left.
func policiesGone(master, worker *machine, before map[string]string) {
	applyPolicy(master, "deny", denyIngress)
	reached(master, time.Minute, "")
	for _, m := range []*machine{worker, master} {
		m.run("dnf -q -y remove --noautoremove podsec-k8s-network-policy")
		m.fails("podsec-k8s exec iptables-save | grep -e KUBE-ROUTER -e KUBE-POD-FW -e KUBE-NWPLCY", 1)
		if sets := strings.TrimSpace(m.run("podsec-k8s exec ipset list -name")); sets != "" {
			m.t.Errorf("sets of %s are left: %s", m.Name, sets)
		}
		m.eventually(time.Minute, "podsec-k8s status | grep 'WARNING: this node does not enforce'")
	}
	reached(master, time.Minute, everyone)
	if all := differences(before, worker.snapshot(), toolCaches()...); len(all) > 0 {
		worker.t.Errorf("the package has left:\n%s", strings.Join(all, "\n"))
	}
}
