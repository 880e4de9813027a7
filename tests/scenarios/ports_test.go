package scenarios

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// undoneWithin is how long the network may be gone after somebody has undone
// what a node made for it.
const undoneWithin = 15 * time.Second

// secondAddress is one that a test gives a machine, beside the node's.
func secondAddress(m *machine) string { return fmt.Sprintf("192.0.2.%d", m.Address.As4()[3]) }

// asking is Services and Pods that ask for ports of a worker, %[1]s, in every
// way that answers from outside, on its address, %[2]s, and on another one of
// its machine, %[3]s.
const asking = `apiVersion: v1
kind: Pod
metadata: {name: host-ports, labels: {app: asking}}
spec:
  nodeName: %[1]s
  tolerations: [{operator: Exists}]
  containers:
  - name: web
    image: registry.local/web:1
    imagePullPolicy: Never
    ports:
    - {containerPort: 8080, hostPort: 9081, hostIP: %[3]s}
    - {containerPort: 8081, protocol: UDP, hostPort: 9081, hostIP: %[2]s}
    - {containerPort: 8090, hostPort: 9082, hostIP: 127.0.0.1}
  - {name: second, image: "registry.local/web:1", imagePullPolicy: Never, command: [/web, listen, "tcp::8090"]}
---
apiVersion: v1
kind: Pod
metadata: {name: host-network, labels: {app: host-network}}
spec:
  nodeName: %[1]s
  hostNetwork: true
  tolerations: [{operator: Exists}]
  containers:
  - {name: web, image: "registry.local/web:1", imagePullPolicy: Never, command: [/web, listen, "tcp::9200", "udp::9201", "tcp:127.0.0.1:9202", "tcp:%[2]s:9203", "tcp::90"]}
---
apiVersion: v1
kind: Service
metadata: {name: external}
spec:
  sessionAffinity: ClientIP
  selector: {app: web}
  externalIPs: [%[2]s, %[3]s, 203.0.113.9]
  ports: [{name: tcp, port: 7080, targetPort: 8080}, {name: udp, protocol: UDP, port: 7080, targetPort: 8081}]
---
apiVersion: v1
kind: Service
metadata: {name: no-node-ports}
spec:
  type: LoadBalancer
  allocateLoadBalancerNodePorts: false
  sessionAffinity: ClientIP
  selector: {app: web}
  ports: [{port: 7081, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: local}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {app: web}
  ports: [{port: 7082, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: restricted}
spec:
  type: LoadBalancer
  loadBalancerSourceRanges: [10.77.0.1/32, 10.77.0.0/30]
  selector: {app: web}
  ports: [{port: 7083, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: of-others}
spec:
  type: LoadBalancer
  loadBalancerClass: podsec.test/other
  selector: {app: web}
  ports: [{port: 7084, targetPort: 8080}]`

// askedPorts: every way in which a Service or a Pod asks for a port of a worker
// answers from outside, or is told why not.
func askedPorts(master, worker *machine, sources bool) {
	second := secondAddress(worker)
	worker.run("ip address add " + second + "/32 dev host0")
	outsideRun(worker, "ip route replace "+second+" via "+worker.Address.String())
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + fmt.Sprintf(asking, worker.Name, worker.Address, second) + "\nY")
	master.run(fmt.Sprintf(`podsec-k8s kubectl patch service of-others --subresource=status --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"%s"},{"ip":"%s"}]}}}'`, worker.Address, second))
	for _, at := range []struct{ proto, address string }{
		{"tcp", worker.Address.String() + "/7080"},
		{"tcp", second + "/7080"},
		{"udp", worker.Address.String() + "/7080"},
		{"udp", second + "/7080"},
		{"tcp", worker.Address.String() + "/7081"},
		{"tcp", worker.Address.String() + "/7082"},
		{"tcp", worker.Address.String() + "/7084"},
		{"tcp", second + "/7084"},
		{"tcp", second + "/9081"},
		{"udp", worker.Address.String() + "/9081"},
		{"tcp", worker.Address.String() + "/9200"},
		{"udp", worker.Address.String() + "/9201"},
		{"tcp", worker.Address.String() + "/9203"},
	} {
		answersAt(worker, at.proto, at.address)
	}
	clientsSeen(master, worker)
	if !sources {
		pretender(worker, "9200")
	}
	worker.says("curl -sS -m 5 http://127.0.0.1:9082/", "host-ports")
	healthAnswers(worker, strings.TrimSpace(master.run("podsec-k8s kubectl get service local -o jsonpath='{.spec.healthCheckNodePort}'")))
	if out := askOutside(worker, "tcp", worker.Address.String()+"/9202"); out != "" {
		worker.t.Errorf("what listens on the loopback address answers outside: %q", out)
	}
	toldWhyNot(master, worker, sources)
	master.run("podsec-k8s kubectl delete pod host-ports host-network --grace-period=0 --force && podsec-k8s kubectl delete service external no-node-ports local restricted of-others")
	worker.eventually(time.Minute, "! podsec-k8s status | grep -E '(708[0-4]|908[12]|920[0-9])/(tcp|udp)' && ! ss -Hltun | grep -E ':(708[0-4]|908[12]|920[0-9]) '")
	outsideRun(worker, "ip route delete "+second)
	worker.run("ip address delete " + second + "/32 dev host0")
}

// clientsSeen: pods and the API server see the address of a TCP client from outside,
// where a rootful node shows it, also after somebody has flushed the way back to it.
func clientsSeen(master, worker *machine) {
	worker.t.Helper()
	client := " " + clientOf(worker) + ":"
	for _, at := range []string{worker.Address.String() + "/7082", secondAddress(worker) + "/9081", worker.Address.String() + "/9200", worker.Address.String() + "/9203"} {
		answersWith(worker, "tcp", at, client)
	}
	master.eventually(time.Minute, fmt.Sprintf(`tail -n 2000 %s | jq -r 'select(.user.username == "system:node:%s") | .sourceIPs[0]' | grep -x %s`, auditLog, worker.Name, worker.Address))
	worker.run("podsec-k8s exec sh -c 'iptables -t mangle -F; ip rule delete fwmark 100; ip route flush table 100'")
	answersWith(worker, "tcp", worker.Address.String()+"/9200", client)
}

// clientOf is the address with which a machine is asked from outside.
func clientOf(m *machine) string {
	m.t.Helper()
	return strings.TrimSpace(outsideRun(m, "ip -4 -o route get "+m.Address.String()+" | sed 's/.* src //; s/ .*//'"))
}

// pretender: who comes from outside with an address of the pod network is not taken for
// a pod.
func pretender(worker *machine, port string) {
	worker.t.Helper()
	const pod = "10.244.99.9"
	worker.run("ip route add " + pod + " via " + clientOf(worker))
	outsideRun(worker, "ip address add "+pod+"/32 dev lo")
	out := outsideRun(worker, "curl -sS -m 5 --interface "+pod+" http://"+worker.Address.String()+":"+port+"/")
	if out == "" || strings.Contains(out, pod) {
		worker.t.Errorf("a client with the address %s is answered %q", pod, out)
	}
	outsideRun(worker, "ip address delete "+pod+"/32 dev lo")
	worker.run("ip route delete " + pod)
}

// healthAnswers: a load balancer's health check is told of the node's endpoint
// once kube-proxy knows it.
func healthAnswers(worker *machine, port string) {
	worker.t.Helper()
	deadline := time.Now().Add(comeBack)
	for {
		out := outsideRun(worker, "curl -sS -m 5 http://"+worker.Address.String()+":"+port+"/")
		if strings.Contains(out, `"localEndpoints": 1`) {
			return
		}
		if time.Now().After(deadline) {
			worker.t.Fatalf("the health check of a load balancer answers %q", out)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// toldWhyNot: what is not published, or not quite, is an event of its object
// and a line of the status.
func toldWhyNot(master, worker *machine, sources bool) {
	told := func(object, reason, words string) {
		master.eventually(time.Minute, fmt.Sprintf("podsec-k8s kubectl describe %s | grep %s | grep -F '%s'", object, reason, words))
	}
	told("pod/host-network", "PortNotPublished", "port 90/tcp: only root can open ports below net.ipv4.ip_unprivileged_port_start")
	told("service/external", "PortNotPublished", "203.0.113.9:7080/udp: no machine is known to have that address")
	told("service/external", "PortLimited", secondAddress(worker)+":7080/tcp, but: all outside clients seem to be one client")
	worker.fails("podsec-k8s status", exitFault, "port 90/tcp of Pod default/host-network: NOT OPEN",
		"port "+secondAddress(worker)+":7080/tcp of Service default/external: open, but:", "port 7081/tcp of Service default/no-node-ports: open\n")
	if !sources {
		told("service/restricted", "PortNotPublished", "7083/tcp: loadBalancerSourceRanges")
		return
	}
	answersAt(worker, "tcp", worker.Address.String()+"/7083")
	master.fails("curl -sS -m 5 http://"+worker.Address.String()+":7083/", 7)
}

// outsideRun runs a command on a machine that is no node.
func outsideRun(m *machine, command string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 10*time.Second)
	defer cancel()
	out, err := node.Outside(ctx, command)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// askOutside asks an address such as 10.77.0.11/80 from outside; "" is no
// answer.
func askOutside(m *machine, proto, address string) string {
	ctx, cancel := context.WithTimeout(m.t.Context(), 10*time.Second)
	defer cancel()
	command := "curl -sS -m 2 http://" + strings.Replace(address, "/", ":", 1) + "/"
	if proto == "udp" {
		command = fmt.Sprintf("exec 3<>/dev/udp/%s; echo hello >&3; timeout 2 head -n 1 <&3", address)
	}
	out, err := node.Outside(ctx, command)
	if err != nil {
		return ""
	}
	return out
}

// answersAt waits until an address answers from outside.
func answersAt(m *machine, proto, address string) {
	m.t.Helper()
	answersWith(m, proto, address, "")
}

// answersWith waits until an address answers from outside with some words.
func answersWith(m *machine, proto, address, words string) {
	m.t.Helper()
	for deadline := time.Now().Add(comeBack); ; time.Sleep(500 * time.Millisecond) {
		out := askOutside(m, proto, address)
		if out != "" && strings.Contains(out, words) {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s over %s does not answer from outside with %q: %q", address, proto, words, out)
		}
	}
}

// networkWhole: the API and the published ports of a worker answer outside, and
// its pods get out.
func networkWhole(master, worker *machine) error {
	for _, at := range []string{worker.Address.String() + "/30080", worker.Address.String() + "/9080"} {
		if out := askOutside(worker, "tcp", at); !strings.HasPrefix(out, "web-") {
			return fmt.Errorf("%s answers %q", at, out)
		}
	}
	pod := fmt.Sprintf("$(podsec-k8s kubectl get pods -l app=web --field-selector spec.nodeName=%s -o jsonpath='{.items[0].metadata.name}')", worker.Name)
	if out, status := master.try("podsec-k8s kubectl exec " + pod + " -- /web get http://" + master.Address.String() + ":9080/"); status != 0 {
		return fmt.Errorf("a pod of %s gets out: %s", worker.Name, out)
	}
	return nil
}

// undone runs what somebody does to a worker's network, and waits until it
// works again, or the status says what is wrong.
func undone(master, worker *machine, command string, named ...string) {
	t := worker.t
	t.Helper()
	worker.run(command)
	start := time.Now()
	for {
		err, took := networkWhole(master, worker), time.Since(start)
		if err == nil && took <= undoneWithin {
			t.Logf("%s: all was back after %s", command, took.Round(time.Second/10))
			return
		}
		if out, _ := worker.try("podsec-k8s status"); len(named) > 0 && containsAll(out, named) {
			return
		}
		if took > undoneWithin {
			t.Fatalf("%s: not within %s: %v\n%s", command, undoneWithin, err, worker.run("podsec-k8s status || true"))
		}
	}
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// undoneOnMachine: in the mode veth the site does what it likes to its firewall,
// devices, addresses and routes.
func undoneOnMachine(master, worker *machine) {
	for _, command := range []string{
		"nft flush ruleset",
		"nft flush chain ip podsec_k8s prerouting",
		"ip link set u7s0 down",
		"ip address flush dev u7s0; ip route flush dev u7s0",
		"sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv4.ip_forward=0",
		"ip link delete u7s0; nft flush ruleset",
		"ip link set u7s0 down name lost0",
		"podsec-k8s exec ip link delete u7s1",
		"podsec-k8s exec ip link delete flannel.1",
	} {
		undone(master, worker, command)
	}
	everyPodReachesEveryPod(master, 2)
	worker.says("cat /proc/sys/net/ipv4/ip_forward", "0\n")
	worker.says("nft list chain ip podsec_k8s forward", `iifname "host0" oifname != "u7s0" drop`)

	undone(master, worker, "ip route flush table main", "lost its default route", "remedy: ip route add default via", "lost the route to its own network")
	worker.run(remedies(worker, "ip address delete", "ip route add default"))
	undone(master, worker, "true")
	worker.run("podsec-k8s status")
}

// remedies takes the commands that the status names out of its remedies.
func remedies(m *machine, begins ...string) string {
	var all []string
	for line := range strings.Lines(m.run("podsec-k8s status || true")) {
		for _, begin := range begins {
			if at := strings.Index(line, begin); at >= 0 && strings.Contains(line, "remedy:") {
				all = append(all, strings.TrimSpace(line[at:]))
			}
		}
	}
	return strings.Join(all, "\n")
}

// undoneInside: whoever enters the namespaces, or a pod with their network,
// takes away what the node has made there.
func undoneInside(master, worker *machine) {
	for _, command := range []string{
		"ip address flush dev tap0; ip link set lo down; ip route flush table main; echo 0 > /proc/sys/net/ipv4/ip_forward",
		"ip link set flannel.1 down; ip link delete cni0",
		"iptables -t nat -F; iptables -F",
	} {
		undone(master, worker, "podsec-k8s exec sh -c '"+command+"'")
	}
	everyPodReachesEveryPod(master, 2)
}

// droppedForward: a firewall of the site that lets nothing be forwarded is
// named, with what to do, which helps.
func droppedForward(master, worker *machine) {
	defer worker.run("nft delete table inet site; iptables-legacy -P FORWARD ACCEPT && iptables-legacy -F FORWARD")
	for chain, command := range map[string]string{
		"inet site forward":              "nft 'table inet site { chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; }; }'",
		"iptables-legacy filter FORWARD": "iptables-legacy -P FORWARD DROP",
	} {
		worker.run(command)
		worker.fails("podsec-k8s status", exitFault, "drops packets forwarded for the node, chain "+chain, "remedy: allow the node's device")
		worker.run(remedies(worker, "nft insert", "iptables-legacy -t"))
		worker.run("podsec-k8s status")
		undone(master, worker, "true")
	}
}

// droppedBefore: such a firewall keeps a node from being made.
func droppedBefore(m *machine, command string) {
	m.run("nft 'table inet site { chain forward { type filter hook forward priority 0; policy drop; }; }'")
	m.fails(command, exitPreflight, "[firewall]", "inet site forward", "nft insert rule")
	m.run("nft delete table inet site")
}

// droppedInput: a firewall of the site that keeps others from the node's ports
// is named; ports that it opens are not.
func droppedInput(worker *machine) {
	worker.eventually(time.Minute, "podsec-k8s status")
	worker.run("nft 'table inet site { chain input { type filter hook input priority 0; policy drop; ct state vmap { established : accept, related : accept }; iif lo accept; ip protocol icmp accept; tcp dport != 10250 accept; udp dport 1-65535 accept; }; }'")
	worker.fails("podsec-k8s status", exitFault, "drops packets to the node's ports, chain inet site input: 10250/tcp\n", "nft insert rule inet site input tcp dport 10250 accept")
	worker.run(remedies(worker, "nft insert") + " && podsec-k8s status && nft delete table inet site")
}

// portScenarios are those of a worker with a stack in user space.
func portScenarios(t *testing.T, master, worker *machine) {
	t.Run("asked", func(t *testing.T) { askedPorts(master.on(t), worker.on(t), false) })
	t.Run("undone inside", func(t *testing.T) { undoneInside(master.on(t), worker.on(t)) })
	t.Run("input dropped", func(t *testing.T) { droppedInput(worker.on(t)) })
}
