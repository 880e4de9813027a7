package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// A speed is what one pair of nodes does.
type speed struct {
	tcp1, tcp8 float64 // Gbit/s, pod to pod on the other node, one stream and eight
	udp        float64 // packets of 64 bytes that arrive, thousands a second
	p50, p99   float64 // µs, one HTTP answer over a connection that stays
	nodePort   float64 // Gbit/s, from outside to a node port
	join       float64 // s
}

// BenchmarkNetwork compares the network modes, on equal pairs of nodes on
// one bridge, one pair after another, with a rootful pair.
func BenchmarkNetwork(b *testing.B) {
	g, err := generation.FromEnv()
	if err != nil {
		b.Fatal(err)
	}
	modes := []string{"slirp4netns", "veth"}
	if g.Name != generation.All()[0].Name {
		modes = slices.Insert(modes, 1, "pasta")
	}
	for range b.N {
		speeds := make([]speed, 0, len(modes)+1)
		for _, mode := range modes {
			speeds = append(speeds, pairSpeed(b, g, func(first, second *machine) (subject, subject, string) {
				return rootlessPair(first, second, mode)
			}))
		}
		speeds = append(speeds, pairSpeed(b, g, func(first, second *machine) (subject, subject, string) {
			return rootfulPair(first, second, g)
		}))
		printSpeeds(g, append(modes, "rootful"), speeds)
	}
}

// pairSpeed makes a pair of nodes a cluster, measures it, and ends it.
func pairSpeed(b *testing.B, g generation.Generation, prepare func(first, second *machine) (subject, subject, string)) (s speed) {
	b.Helper()
	first, second := boot(b, g, "b-first"), boot(b, g, "b-second")
	one, two, join := prepare(first, second)
	start := time.Now()
	second.run(join)
	s.join = time.Since(start).Seconds()
	for _, each := range []subject{one, two} {
		each.run(each.loadWeb)
	}
	one.run(one.kubectl + "apply -f - <<'Y'\n" + webSet + "\nY")
	one.run(one.kubectl + "rollout status --timeout=120s daemonset/web")
	s.measure(one, two)
	first.end()
	second.end()
	return s
}

func rootlessPair(first, second *machine, mode string) (one, two subject, join string) {
	for _, m := range []*machine{first, second} {
		m.run("dnf -q -y install podsec-k8s && echo NETWORK=" + mode + " > /etc/podsec-k8s/95-bench.conf")
	}
	first.run("podsec-k8s-create-master")
	return rootlessSubject(first), rootlessSubject(second), joinCommand(first)
}

func rootfulPair(first, second *machine, g generation.Generation) (one, two subject, join string) {
	first.run(rootful(first, g))
	return rootfulSubject(first), rootfulSubject(second), rootfulJoin(first, second, g)
}

// measure sends from the first node's pod to the second's, then from outside
// to the second.
func (s *speed) measure(one, two subject) {
	from, to := podOn(one, one.Name), podOn(one, two.Name)
	client, server := enterPod(one, from), enterPod(two, to)
	iperf := func(args string) float64 {
		two.run(background + server + "iperf3 -s -1 && sleep 0.5")
		return fraction(one, client+"iperf3 -J -c "+to+" "+args)
	}
	s.tcp1 = iperf("-t 5 | jq .end.sum_received.bits_per_second") / 1e9
	s.tcp8 = iperf("-t 5 -P 8 | jq .end.sum_received.bits_per_second") / 1e9
	s.udp = iperf("-u -b 0 -l 64 -t 4 | jq '.end.sum | .packets * (100 - .lost_percent) / 100 / .seconds'") / 1e3
	fields := strings.Fields(one.run(one.kubectl + "exec " + podNamed(one, one.Name) + " -- /web rtt http://" + to + ":8080/"))
	s.p50, s.p99 = parse(one, fields[0]), parse(one, fields[1])

	two.run(background + server + "iperf3 -s")
	one.run(one.kubectl + "apply -f - <<'Y'\n" + fmt.Sprintf(iperfService, to) + "\nY")
	// Until then kube-proxy refuses what comes, the more silently the more
	// comes, and a client that is caught by it may never go on.
	one.eventually(time.Minute, one.kubectl+"get endpointslices -l kubernetes.io/service-name=iperf -o yaml | grep "+to+" && sleep 2")
	deadline := time.Now().Add(time.Minute)
	for s.nodePort == 0 {
		out, err := node.Outside(one.t.Context(), "timeout 15 iperf3 -J -c "+two.Address.String()+" -p 30521 -t 5")
		if at := strings.Index(out, `"sum_received"`); err == nil && at >= 0 {
			_, value, _ := strings.Cut(out[at:], `"bits_per_second":`)
			s.nodePort = parse(one, strings.Trim(strings.SplitN(value, "\n", 2)[0], " \t,")) / 1e9
		} else if time.Now().After(deadline) {
			one.t.Fatalf("the node port does not answer: %v\n%s", err, out)
		}
	}
}

// background runs a program that outlives the command.
const background = "systemd-run -q --collect "

// iperfService leads from a node port to one pod, whatever runs in it.
const iperfService = `apiVersion: v1
kind: Service
metadata: {name: iperf}
spec: {type: NodePort, ports: [{port: 5201, nodePort: 30521}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: iperf}
subsets: [{addresses: [{ip: %s}], ports: [{port: 5201}]}]`

func podField(s subject, node, field string) string {
	return strings.TrimSpace(s.run(s.kubectl + "get pods -l app=web --field-selector spec.nodeName=" + node + " -o jsonpath='{.items[0]." + field + "}'"))
}

func podOn(s subject, node string) string    { return podField(s, node, "status.podIP") }
func podNamed(s subject, node string) string { return podField(s, node, "metadata.name") }

// enterPod returns what runs a program of the machine in a pod's network.
func enterPod(s subject, ip string) string {
	find := "for n in /var/run/netns/*; do nsenter --net=$n ip -4 -o address | grep -q ' " + ip + "/' && echo $n; done; true"
	where := strings.TrimSpace(s.run(s.inside + "sh -c \"" + strings.ReplaceAll(find, "$", "\\$") + "\""))
	if where == "" {
		s.t.Fatalf("no network namespace of %s has the address %s", s.Name, ip)
	}
	return s.inside + "nsenter --net=" + where + " "
}

func fraction(s subject, command string) float64 {
	s.t.Helper()
	return parse(s, strings.TrimSpace(s.run(command)))
}

func parse(s subject, text string) float64 {
	s.t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return value
}

func printSpeeds(g generation.Generation, modes []string, speeds []speed) {
	fmt.Printf("\n| Kubernetes %s |", g.Name)
	for _, mode := range modes {
		fmt.Printf(" %s |", mode)
	}
	fmt.Print("\n|---|" + strings.Repeat("---:|", len(modes)) + "\n")
	for _, row := range []struct {
		what, format string
		value        func(speed) float64
	}{
		{"pod to pod, TCP, 1 stream", "%.2f Gbit/s", func(s speed) float64 { return s.tcp1 }},
		{"pod to pod, TCP, 8 streams", "%.2f Gbit/s", func(s speed) float64 { return s.tcp8 }},
		{"pod to pod, UDP of 64 bytes", "%.0f k/s", func(s speed) float64 { return s.udp }},
		{"pod to pod, HTTP answer, p50", "%.0f µs", func(s speed) float64 { return s.p50 }},
		{"pod to pod, HTTP answer, p99", "%.0f µs", func(s speed) float64 { return s.p99 }},
		{"outside to node port, TCP", "%.2f Gbit/s", func(s speed) float64 { return s.nodePort }},
		{"join", "%.1f s", func(s speed) float64 { return s.join }},
	} {
		fmt.Printf("| %s |", row.what)
		rootful := row.value(speeds[len(speeds)-1])
		for _, s := range speeds {
			fmt.Printf(" "+row.format+" (%.2f) |", row.value(s), row.value(s)/rootful)
		}
		fmt.Println()
	}
	fmt.Println()
}
