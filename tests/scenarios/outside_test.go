package scenarios

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// publishedServices are reached from outside on every node's address.
const publishedServices = `apiVersion: v1
kind: Service
metadata: {name: by-node-port}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: tcp, port: 80, targetPort: 8080, nodePort: 30080}, {name: udp, protocol: UDP, port: 81, targetPort: 8081, nodePort: 30081}]
---
apiVersion: v1
kind: Service
metadata: {name: balanced}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: tcp, port: 8088, targetPort: 8080, nodePort: 30088}, {name: udp, protocol: UDP, port: 8089, targetPort: 8081, nodePort: 30089}]`

// fromOutside asks for one port of a machine, as a machine that is no node.
func fromOutside(m *machine, proto string, port int) (answer string, err error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 10*time.Second)
	defer cancel()
	if proto == "udp" {
		return node.Outside(ctx, fmt.Sprintf("exec 3<>/dev/udp/%s/%d; echo hello >&3; timeout 3 head -n 1 <&3", m.Address, port))
	}
	return node.Outside(ctx, fmt.Sprintf("curl -sS -m 5 http://%s:%d/", m.Address, port))
}

// answers waits until a port gives an answer of a web pod, and returns that.
func answers(m *machine, proto string, port int) string {
	m.t.Helper()
	deadline := time.Now().Add(comeBack)
	for {
		out, err := fromOutside(m, proto, port)
		if err == nil && strings.HasPrefix(out, "web-") {
			return out
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%d/%s of %s does not answer from outside: %q, %v", port, proto, m.Name, out, err)
		}
		time.Sleep(time.Second)
	}
}

// publishedAnswer asks for every published port of every machine.
func publishedAnswer(master *machine, others ...*machine) {
	master.t.Helper()
	for _, m := range append([]*machine{master}, others...) {
		m := &machine{m.Node, master.t, m.ended}
		for _, port := range []int{30080, 30088, 8088, 9080} {
			answers(m, "tcp", port)
		}
		for _, port := range []int{30081, 30089, 8089} {
			answers(m, "udp", port)
		}
	}
}

// outside: what Services and Pods publish is reached from another machine,
// outlives a restart, is told when it can't be, and goes with the Service.
func outside(master, worker *machine) {
	t := master.t.(*testing.T)
	worker = worker.on(t)
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + publishedServices + "\nY")
	publishedAnswer(master, worker)
	master.says("podsec-k8s kubectl get service balanced -o jsonpath='{.status.loadBalancer.ingress[*].ip}'", master.Address.String(), worker.Address.String())
	listeners(master, "6443/tcp")
	listeners(worker)

	worker.run(userctl + "restart u7s-rootlesskit")
	worker.eventually(comeBack, "podsec-k8s status") // the kubelet tells every ten seconds whether the node is ready
	publishedAnswer(master, worker)
	takenPort(master, worker)

	master.run("podsec-k8s kubectl delete service by-node-port balanced")
	for _, m := range []*machine{master, worker} {
		m.eventually(time.Minute, "! podsec-k8s status | grep -E '30080|30081|8088|8089'")
		for _, proto := range []string{"tcp", "udp"} {
			if out, err := fromOutside(m, proto, map[string]int{"tcp": 30080, "udp": 30081}[proto]); err == nil && out != "" {
				t.Errorf("%s of %s answers without its Service: %q", proto, m.Name, out)
			}
		}
	}
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + publishedServices + "\nY")
}

// listeners: nothing but this listens on the machine's outside addresses.
// slirp4netns has a UDP socket for every flow that goes out; of one that ends
// meanwhile nobody knows whose it was, so what counts is there twice.
func listeners(m *machine, own ...string) {
	m.t.Helper()
	want := append(own, "10250/tcp", "8472/udp", "30080/tcp", "30081/udp", "30088/tcp", "30089/udp", "8088/tcp", "8089/udp", "9080/tcp")
	slices.Sort(want)
	var got []string
	for line := range strings.Lines(m.run(`for i in 1 2; do ss -Hlntup | grep -v '^udp.*"slirp4netns"' | awk '{print $1, $5}' | sort -u; sleep 1; done | sort | uniq -d`)) {
		fields := strings.Fields(line)
		address, port, _ := cutLast(fields[1], ":")
		if !strings.HasPrefix(address, "127.") && address != "[::1]" {
			got = append(got, port+"/"+fields[0])
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		m.t.Errorf("%s listens on %q, want %q", m.Name, got, want)
	}
}

func cutLast(text, by string) (before, after string, found bool) {
	at := strings.LastIndex(text, by)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(by):], true
}

// takenPort: a port that the machine's own program has is an event on the
// Service and a line of the status, and is published once it is free.
func takenPort(master, worker *machine) {
	worker.run("systemd-run -q --unit=taken socat TCP-LISTEN:8100,fork,reuseaddr -; sleep 1")
	master.run("podsec-k8s kubectl expose daemonset/web --name=late --type=LoadBalancer --port=8100 --target-port=8080 2>/dev/null || " +
		"podsec-k8s kubectl create service loadbalancer late --tcp=8100:8080 && podsec-k8s kubectl patch service late -p '{\"spec\":{\"selector\":{\"app\":\"web\"}}}'")
	master.eventually(time.Minute, "podsec-k8s kubectl describe service late | grep PortNotPublished | grep 8100/tcp")
	worker.fails("podsec-k8s status", exitFault, "port 8100/tcp of Service default/late: NOT OPEN", "ss -lntup")
	worker.run("systemctl stop taken")
	answers(worker, "tcp", 8100)
	worker.run("podsec-k8s status")
	master.run("podsec-k8s kubectl delete service late")
}
