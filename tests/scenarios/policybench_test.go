package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// policyCount is how many NetworkPolicies select each pod that is measured.
const policyCount = 100

// policyRounds is how often each figure is taken; the one in the middle counts.
const policyRounds = 5

// BenchmarkNetworkPolicy compares a pair of nodes of the fastest network mode, where
// rules cost most, with and without NetworkPolicies.
func BenchmarkNetworkPolicy(b *testing.B) {
	g, err := generation.FromEnv()
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		first, second := boot(b, g, "b-first"), boot(b, g, "b-second")
		one, two, join := rootlessPair(first, second, "veth")
		second.run(join)
		for _, each := range []subject{one, two} {
			each.run(each.loadWeb)
		}
		one.run(one.kubectl + "apply -f - <<'Y'\n" + webSet + "\nY")
		one.run(one.kubectl + "rollout status --timeout=120s daemonset/web")
		enforceMany(one, two)
		before, after := comparePolicies(one, two)
		fmt.Printf("\n| Kubernetes %s, veth, pod to pod on the other node | no policies | %d policies | ratio |\n|---|---:|---:|---:|\n", g.Name, policyCount)
		fmt.Printf("| TCP, 1 stream | %.2f Gbit/s | %.2f Gbit/s | %.2f |\n", before.tcp1, after.tcp1, after.tcp1/before.tcp1)
		fmt.Printf("| HTTP answer, p99 | %.0f µs | %.0f µs | %.2f |\n\n", before.p99, after.p99, after.p99/before.p99)
		first.end()
		second.end()
	}
}

// enforceMany has both nodes enforce policies that all let the pods talk to each other.
func enforceMany(one, two subject) {
	directory := policyPackage(one.t, one.machine)
	for _, m := range []*machine{one.machine, two.machine} {
		m.run("dnf -q -y install " + directory + "/*.rpm")
	}
	var all strings.Builder
	for i := range policyCount {
		fmt.Fprintf(&all, manyPolicy, i)
	}
	one.run(one.kubectl + "apply -f - > /dev/null <<'Y'\n" + all.String() + "Y")
}

const manyPolicy = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: many-%d}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
  egress: [{to: [{podSelector: {matchLabels: {app: web}}}]}]
`

// comparePolicies takes each figure several times, without and with policies in turns, for
// other programs run beside it.
func comparePolicies(one, two subject) (without, with speed) {
	var all [2][]speed
	for range policyRounds {
		for i, command := range []string{"stop u7s-network-policy && podsec-k8s exec podsec-k8s unit clear-policies", "start u7s-network-policy"} {
			for _, m := range []*machine{one.machine, two.machine} {
				m.run(userctl + command)
				m.eventually(time.Minute, fmt.Sprintf(countPolicies, []string{"-eq 0", "-ge " + fmt.Sprint(policyCount)}[i]))
			}
			all[i] = append(all[i], policySpeed(one, two))
		}
	}
	return middle(all[0]), middle(all[1])
}

// countPolicies compares how many policies pods have in the rules.
const countPolicies = `test "$(podsec-k8s exec iptables -S | grep -c -- '--comment "run through nw policy many')" %s`

func policySpeed(one, two subject) (s speed) {
	from, to := podOn(one, one.Name), podOn(one, two.Name)
	client, server := enterPod(one, from), enterPod(two, to)
	two.run(background + server + "iperf3 -s -1 && sleep 0.5")
	s.tcp1 = fraction(one, client+"iperf3 -J -c "+to+" -t 5 | jq .end.sum_received.bits_per_second") / 1e9
	fields := strings.Fields(one.run(one.kubectl + "exec " + podNamed(one, one.Name) + " -- /web rtt http://" + to + ":8080/"))
	s.p99 = parse(one, fields[1])
	return s
}

// middle has each figure's median.
func middle(all []speed) (s speed) {
	var tcp, p99 []float64
	for _, one := range all {
		tcp, p99 = append(tcp, one.tcp1), append(p99, one.p99)
	}
	slices.Sort(tcp)
	slices.Sort(p99)
	s.tcp1, s.p99 = tcp[len(tcp)/2], p99[len(p99)/2]
	return s
}
