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

// A subject is a cluster that is measured, by its first machine.
type subject struct {
	*machine
	kubectl string // runs kubectl as its administrator
	inside  string // runs a program where its pods' network is
	loadWeb string // brings it the image of the web pods
}

func rootlessSubject(m *machine) subject {
	return subject{m, "podsec-k8s kubectl ", "podsec-k8s exec ", loadWeb}
}

func rootfulSubject(m *machine) subject {
	return subject{m, "kubectl --kubeconfig=/etc/kubernetes/admin.conf ", "", load("/srv/images/web.tar", "registry.local/web")}
}

// A cost is what a cluster took and takes.
type cost struct {
	init     time.Duration // kubeadm init alone
	ready    time.Duration // from the command to Ready and CoreDNS
	cpu      float64       // of one core, when idle
	memory   float64       // MB resident, all processes of the node
	reboot   time.Duration // from the command until a Service answers again
	pods     time.Duration // from 1 to 100 of them
	services time.Duration // 500 of them, until the last answers
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
		rootless := measure(b, g, "b-rootless", func(m *machine) (subject, string) {
			m.run("dnf -q -y install podsec-k8s")
			return rootlessSubject(m), "podsec-k8s-create-master"
		})
		ordinary := measure(b, g, "b-rootful", func(m *machine) (subject, string) { return rootfulSubject(m), rootful(m, g) })
		fmt.Printf("\n| Kubernetes %s | rootless | rootful | ratio |\n|---|---:|---:|---:|\n", g.Name)
		for _, row := range []struct {
			what, unit string
			a, b       float64
		}{
			{"kubeadm init", "s", rootless.init.Seconds(), ordinary.init.Seconds()},
			{"from the command to Ready and CoreDNS", "s", rootless.ready.Seconds(), ordinary.ready.Seconds()},
			{"idle CPU, of a core", "%", 100 * rootless.cpu, 100 * ordinary.cpu},
			{"resident memory", "MB", rootless.memory, ordinary.memory},
			{"from reboot until a Service answers", "s", rootless.reboot.Seconds(), ordinary.reboot.Seconds()},
			{"1 to 100 pods", "s", rootless.pods.Seconds(), ordinary.pods.Seconds()},
			{"500 Services, until the last answers", "s", rootless.services.Seconds(), ordinary.services.Seconds()},
		} {
			fmt.Printf("| %s | %.1f %s | %.1f %s | %.2f |\n", row.what, row.a, row.unit, row.b, row.unit, row.a/row.b)
		}
		b.ReportMetric(rootless.ready.Seconds(), "rootless-s")
		b.ReportMetric(rootless.ready.Seconds()/ordinary.ready.Seconds(), "ratio")
	}
}

// measure makes a cluster on a node of its own and ends it again.
func measure(b *testing.B, g generation.Generation, name string, prepare func(*machine) (subject, string)) (c cost) {
	b.Helper()
	m := boot(b, g, name)
	s, create := prepare(m)
	start := time.Now()
	out := m.run(create)
	c.ready = time.Since(start)
	c.init = initTook(b, out)
	for _, line := range stageLines(out) {
		fmt.Println(line)
	}
	time.Sleep(10 * time.Second) // until what follows a start is over
	before := ticks(m)
	time.Sleep(idleWindow)
	c.cpu = float64(ticks(m)-before) / 100 / idleWindow.Seconds()
	c.memory = memory(m)
	c.pods = manyPods(s)
	s.run(s.kubectl + "scale deployment/many --replicas=1 && sleep 10")
	c.reboot = reboots(s)
	c.services = manyServices(s, "many")
	m.end()
	return c
}

// initTook finds how long kubeadm init took, in what either cluster says.
func initTook(b *testing.B, out string) time.Duration {
	b.Helper()
	var value float64
	if _, after, ok := strings.Cut(out, "kubeadm init took "); ok {
		_, err := fmt.Sscanf(after, "%f ms", &value)
		if err != nil {
			b.Fatal(err)
		}
		return time.Duration(value * float64(time.Millisecond))
	}
	_, after, _ := strings.Cut(out, "(kubeadm init)")
	_, after, _ = strings.Cut(after, "done in ")
	if _, err := fmt.Sscanf(after, "%f s", &value); err != nil {
		b.Fatal(err)
	}
	return time.Duration(value * float64(time.Second))
}

// manyPods takes a Deployment from one pod to a hundred.
func manyPods(s subject) time.Duration {
	s.run(s.loadWeb)
	s.run(s.kubectl + "apply -f - <<'Y'\n" + webDeployment + "\nY")
	s.run(s.kubectl + "rollout status --timeout=120s deployment/many")
	start := time.Now()
	s.run(s.kubectl + "scale deployment/many --replicas=100 && " + s.kubectl + "rollout status --timeout=280s deployment/many")
	return time.Since(start)
}

const webDeployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec:
      tolerations: [{operator: Exists}]
      containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}}]`

// reboots reboots the machine and waits until a Service answers again.
func reboots(s subject) time.Duration {
	s.run(s.kubectl + "expose deployment/many --name=back --port=80 --target-port=8080")
	ask := "until " + s.inside + "curl -sf -m 1 http://" + strings.TrimSpace(s.run(s.kubectl+"get service back -o jsonpath={.spec.clusterIP}")) + "/; do sleep 0.2; done"
	s.run(ask)
	start := time.Now()
	if err := s.Reboot(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.run(ask)
	return time.Since(start)
}

// manyServices makes 500 Services before the pods of an app, and asks the last.
func manyServices(s subject, app string) time.Duration {
	var list strings.Builder
	for i := range 500 {
		fmt.Fprintf(&list, "---\napiVersion: v1\nkind: Service\nmetadata: {name: many-%03d}\nspec: {selector: {app: %s}, ports: [{port: 80, targetPort: 8080}]}\n", i, app)
	}
	s.run("cat > /root/services.yaml <<'Y'\n" + list.String() + "Y")
	start := time.Now()
	s.run(s.kubectl + "create -f - < /root/services.yaml > /dev/null")
	lastAnswers(s)
	return time.Since(start)
}

// lastAnswers waits until the last of many Services answers.
func lastAnswers(s subject) {
	s.t.Helper()
	ip := strings.TrimSpace(s.run(s.kubectl + "get service many-499 -o jsonpath={.spec.clusterIP}"))
	s.run("timeout 120 sh -c 'until " + s.inside + "curl -sf -m 1 http://" + ip + "/; do sleep 0.2; done'")
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
