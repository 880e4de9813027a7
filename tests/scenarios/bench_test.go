package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// idleWindow is how long a cluster is watched for what it costs idle.
const idleWindow = 60 * time.Second

// A cost is what a cluster took and takes.
type cost struct {
	ready  time.Duration // from the command to Ready and CoreDNS
	cpu    float64       // of one core, when idle
	memory float64       // MB resident, all processes of the node
}

// BenchmarkCluster makes a cluster with podsec-k8s and one with rootful
// kubeadm and static pods, on equal nodes in one run, and prints both and
// their ratios.
func BenchmarkCluster(b *testing.B) {
	g, err := generation.FromEnv()
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		rootless := measure(b, g, "b-rootless", func(m *machine) string {
			m.run("dnf -q -y install podsec-k8s")
			return "podsec-k8s-create-master"
		})
		ordinary := measure(b, g, "b-rootful", func(m *machine) string { return rootful(m, g) })
		fmt.Printf("\n%-28s %10s %10s %8s\n", "Kubernetes "+g.Name, "rootless", "rootful", "ratio")
		fmt.Printf("%-28s %9.1fs %9.1fs %8.2f\n", "time to Ready and CoreDNS", rootless.ready.Seconds(), ordinary.ready.Seconds(), rootless.ready.Seconds()/ordinary.ready.Seconds())
		fmt.Printf("%-28s %9.1f%% %9.1f%% %8.2f\n", "idle CPU, of a core", 100*rootless.cpu, 100*ordinary.cpu, rootless.cpu/ordinary.cpu)
		fmt.Printf("%-28s %8.0fMB %8.0fMB %8.2f\n\n", "resident memory", rootless.memory, ordinary.memory, rootless.memory/ordinary.memory)
		b.ReportMetric(rootless.ready.Seconds(), "rootless-s")
		b.ReportMetric(rootless.ready.Seconds()/ordinary.ready.Seconds(), "ratio")
	}
}

// measure makes a cluster on a node of its own and ends it again.
func measure(b *testing.B, g generation.Generation, name string, prepare func(*machine) string) (c cost) {
	b.Helper()
	m := boot(b, g, name)
	create := prepare(m)
	start := time.Now()
	out := m.run(create)
	c.ready = time.Since(start)
	for _, line := range stageLines(out) {
		fmt.Println(line)
	}
	time.Sleep(10 * time.Second) // until what follows a start is over
	before := ticks(m)
	time.Sleep(idleWindow)
	c.cpu = float64(ticks(m)-before) / 100 / idleWindow.Seconds()
	c.memory = memory(m)
	m.end()
	return c
}

var stageLine = regexp.MustCompile(`^\[\d/\d\] |^      done in `)

// stageLines picks what create-master says of its phases.
func stageLines(out string) []string {
	var all []string
	for line := range strings.Lines(out) {
		if stageLine.MatchString(line) {
			all = append(all, strings.TrimRight(line, "\n"))
		}
	}
	return all
}

// ticks sums the processor time of every process of the node, in 1/100 s.
// Source: proc(5), stat: utime and stime.
func ticks(m *machine) int {
	return number(m, `cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | awk '{s += $12 + $13} END {print s}'`)
}

// memory sums what is resident, in MB, shared pages by share.
func memory(m *machine) float64 {
	return float64(number(m, `cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {s += $2} END {print s}'`)) / 1024
}

func number(m *machine, command string) int {
	m.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(m.run(command)))
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

// BenchmarkInstall prints how long the package takes on a node that has what
// it requires, and how long its %post takes when all is done already.
func BenchmarkInstall(b *testing.B) {
	g, err := generation.FromEnv()
	if err != nil {
		b.Fatal(err)
	}
	m := boot(b, g, "b-install")
	m.run("dnf -q -y install $(dnf -q repoquery --requires --resolve podsec-k8s)")
	for range b.N {
		install := timed(m, "dnf -q -y install podsec-k8s")
		post := timed(m, "podsec-k8s scriptlet post 2")
		version := timed(m, "for i in 1 2 3 4 5 6 7 8 9 10; do podsec-k8s --version > /dev/null; done") - timed(m, "true")
		fmt.Printf("\ndnf install %.2f s, %%post again %.0f ms, --version %.1f ms\n\n", install.Seconds(), 1000*post.Seconds(), 100*version.Seconds())
		b.ReportMetric(1000*post.Seconds(), "post-ms")
		m.run("dnf -q -y remove --noautoremove podsec-k8s")
	}
}

func timed(m *machine, command string) time.Duration {
	start := time.Now()
	m.run(command)
	return time.Since(start)
}
