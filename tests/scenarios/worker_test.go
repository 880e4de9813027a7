package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// TestWorker joins a machine to a cluster, sends traffic between both, and
// reboots them. Where there is pasta, the machine's network is another than
// the master's.
func TestWorker(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		master, worker := bootInstalled(t, g, "t-cp"), bootInstalled(t, g, "t-worker")
		master.run("podsec-k8s-create-master")
		t.Run("join", func(t *testing.T) { join(worker.on(t), master.on(t), g.Network) })
		if t.Failed() {
			return
		}
		t.Run("traffic", func(t *testing.T) { traffic(master.on(t), worker.on(t)) })
		t.Run("rows", func(t *testing.T) { writeRows(worker.on(t), master.on(t)) })
		t.Run("search domains", func(t *testing.T) { searchDomains(worker.on(t)) })
		t.Run("lost fragments", func(t *testing.T) { lostFragments(worker.on(t), master.on(t)) })
		t.Run("rights", func(t *testing.T) { workerRights(worker.on(t), master.on(t)) })
		t.Run("static pod", func(t *testing.T) { workerStaticPod(worker.on(t), master.on(t), g) })
		t.Run("outside", func(t *testing.T) { outside(master.on(t), worker.on(t)) })
		t.Run("ports", func(t *testing.T) { portScenarios(t, master, worker) })
		t.Run("namespaces", func(t *testing.T) { namespacesReturn(worker.on(t), master.on(t)) })
		t.Run("reboot", func(t *testing.T) { reboot(master.on(t), worker.on(t)) })
		t.Run("rows after it", func(t *testing.T) { keepRows(worker.on(t), master.on(t)) })
		t.Run("moved", func(t *testing.T) { moved(worker.on(t), master.on(t)) })
		t.Run("kubeadm reset", func(t *testing.T) { kubeadmResets(worker.on(t), master.on(t)) })
	})
}

// TestJoinRefused: what can't join says why, and can be joined rightly then.
func TestJoinRefused(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		master, worker := bootInstalled(t, g, "t-join-m"), bootInstalled(t, g, "t-join-w")
		master.run("podsec-k8s-create-master")
		t.Run("refused", func(t *testing.T) { refusedJoin(worker.on(t), master.on(t), g) })
		if g.Name == generation.All()[0].Name {
			t.Run("clock", func(t *testing.T) { clockFarOff(bootInstalled(t, g, "t-late"), joinCommand(master.on(t))) })
		}
		worker.says(joinCommand(master), "a worker now")
	})
}

func refusedJoin(worker, master *machine, g generation.Generation) {
	endpoint := master.Address.String() + ":6443"
	token, hash := ticket(master)
	wrong := "aaaaaa.0123456789abcdef"
	worker.fails("podsec-k8s join", exitUsage, "ENDPOINT")
	worker.fails("podsec-k8s join "+endpoint+" --token nonsense --discovery-token-ca-cert-hash "+hash, exitUsage, "does not have the form", "remedy")
	worker.fails("podsec-k8s join "+endpoint+" --token "+wrong, exitUsage, "hash", "remedy")
	master.fails("podsec-k8s token create --control-plane", exitFault, "without a control-plane endpoint", "remedy")
	worker.within(time.Minute, func() {
		worker.fails("podsec-k8s join "+endpoint+" --token "+wrong+" --discovery-token-ca-cert-hash "+hash, exitFault, "podsec-k8s: phase join: kubeadm join: exit status 1: error execution phase preflight: ", "token create")
	})
	worker.within(30*time.Second, func() {
		worker.fails("podsec-k8s join 10.77.0.250:6443 --token "+token+" --discovery-token-ca-cert-hash "+hash, exitPreflight, "[cluster]", "10.77.0.250:6443", "remedy")
	})
	if g.Name != generation.All()[0].Name {
		return
	}
	old := strings.TrimSpace(master.run("podsec-k8s token create --ttl 1s"))
	master.eventually(time.Minute, "! podsec-k8s token list | grep "+old)
	worker.fails("podsec-k8s join "+endpoint+" --token "+old+" --discovery-token-ca-cert-hash "+hash, exitFault, "token create")
	worker.fails("podsec-k8s join "+endpoint+" --token "+token+" --discovery-token-ca-cert-hash sha256:"+strings.Repeat("0", 64), exitFault, "pinned", "remedy")
	worker.fails("podsec-k8s join "+endpoint+" --node-name "+master.Name+" --token "+token+" --discovery-token-ca-cert-hash "+hash, exitFault, "already exists", "remedy")
	worker.run("podsec-k8s reset --yes")

	stranger := bootInstalled(worker.t, generation.Tested()[1], "t-stranger")
	defer stranger.end()
	stranger.fails(joinCommand(master), exitPreflight, "[version-skew]", g.Name, "remedy")
}

// clockFarOff: a machine whose clock is an hour ahead of the cluster's is
// told so, and joins nothing. Nodes have the machine's clock: this one runs
// under a kernel of its own, which is refused for other reasons as well.
func clockFarOff(late *machine, join string) {
	if err := late.PowerOff(late.t.Context()); err != nil {
		late.t.Fatal(err)
	}
	out, err := late.OwnKernel(late.t.Context(), join+"\necho right: $?; date -s @$(($(date +%s) + 3600))\n"+join+"\necho late: $?; ls -A /var/lib/u7s-admin")
	if errors.Is(err, node.ErrCPU) {
		late.t.Skip(err)
	}
	if err != nil {
		late.t.Fatal(err, out)
	}
	right, wrong, found := strings.Cut(out, fmt.Sprintf("right: %d", exitPreflight))
	if !found || strings.Contains(right, "[clock]") {
		late.t.Errorf("with the right clock, or at all:\n%s", out)
	}
	for _, word := range []string{"[clock]", "differs from the cluster's", "chronyd", fmt.Sprintf("late: %d", exitPreflight)} {
		if !strings.Contains(wrong, word) {
			late.t.Errorf("an hour ahead: does not say %q\n%s", word, out)
		}
	}
}

// within fails the test when something takes longer.
func (m *machine) within(limit time.Duration, do func()) {
	m.t.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took > limit {
		m.t.Errorf("it took %s, more than %s", took, limit)
	}
}

// joinCommand returns the command that joins a machine to a master's cluster, with
// further flags. It is several lines for a shell.
func joinCommand(master *machine, flags ...string) string {
	command := strings.TrimSpace(master.run("podsec-k8s token create --print-join-command"))
	return strings.Replace(command, " join ", " join "+strings.Join(append(flags, ""), " "), 1)
}

// ticket makes a token on a master, and returns it with the hash of the
// cluster's certificate authority.
func ticket(master *machine) (token, hash string) {
	command := joinCommand(master)
	_, hash, _ = strings.Cut(command, "--discovery-token-ca-cert-hash ")
	hash, _, _ = strings.Cut(hash, " ")
	return strings.Split(command, "\n")[1], hash
}

func join(worker, master *machine, mode string) {
	token, _ := ticket(master)
	command := joinCommand(master, "--network="+mode)
	worker.run("umask 077; printf '%s\n' " + token + " > /root/token")
	worker.run(background + "-u watch sh -c 'while sleep 0.1; do grep -alsF -f /root/token /proc/[0-9]*/cmdline; done'")
	joined, err := worker.pasted(command)
	if err != nil || !strings.Contains(joined, "a worker now") {
		worker.t.Fatalf("%v\n%s", err, joined)
	}
	worker.run("systemctl stop watch")
	if out := worker.run("journalctl -q -o cat _SYSTEMD_UNIT=watch.service"); out != "" {
		worker.t.Errorf("the token was in the arguments of a program: %s", out)
	}
	master.eventually(time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/"+worker.Name)
	if out := worker.run("journalctl -q -b _SYSTEMD_USER_UNIT=u7s-kubelet.service | grep -m1 'Unable to read config path' || true"); out != "" {
		worker.t.Errorf("the kubelet misses a folder: %s", out)
	}
	if out, status := worker.try("find /var/lib/u7s-admin/state -name '*.yaml' -o -name '*.json' | xargs grep -l " + token); status == 0 {
		worker.t.Errorf("the token was kept: %s", out)
	}
}

// pasted runs lines as a shell does that they are pasted into.
func (m *machine) pasted(lines string) (string, error) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), commandTimeout)
	defer cancel()
	var out bytes.Buffer
	err := m.Exec(ctx, "sh", strings.NewReader(lines+"\n"), &out, &out)
	return out.String(), err
}

// lostFragments: a network that drops fragments, in which large packets of
// pods get lost, is told of.
func lostFragments(worker, master *machine) {
	worker.eventually(time.Minute, "podsec-k8s status")
	worker.run("nft -f - <<'N'\n" + dropFragments + "\nN")
	worker.fails("podsec-k8s status", exitFault, "65520 bytes are lost", master.Address.String(), "remedy: set a smaller MTU")
	worker.run("nft delete table ip fragments && podsec-k8s status")
}

const dropFragments = `table ip fragments {
	chain in {
		type filter hook prerouting priority -500;
		ip frag-off & 0x1fff != 0 drop
	}
}`

// traffic: pods of all machines reach each other and services by name.
func traffic(master *machine, others ...*machine) {
	all := append([]*machine{master}, others...)
	for _, m := range all {
		m.t = master.t
		m.run(loadWeb)
	}
	master.run("podsec-k8s kubectl apply -f - <<'Y'\n" + webSet + "\nY")
	master.run("podsec-k8s kubectl rollout status --timeout=120s daemonset/web")
	everyPodReachesEveryPod(master, len(all))
}

const loadWeb = "podsec-k8s image load /srv/images/web.tar"

// everyPodReachesEveryPod asks anew which addresses there are each time: after
// a reboot pods get others.
func everyPodReachesEveryPod(master *machine, count int) {
	master.t.Helper()
	master.eventually(2*time.Minute, fmt.Sprintf("count=%d\n%s", count, crossTraffic))
}

// crossTraffic ends at the first fault. Of each pod it has the name and the
// address.
const crossTraffic = `set -e
k="podsec-k8s kubectl"
pods=$($k get pods -l app=web -o jsonpath='{range .items[*]}{.metadata.name}={.status.podIP}{" "}{end}')
test $(echo $pods | wc -w) = $count
for from in $pods; do
	for to in $pods; do
		$k exec ${from%=*} -- /web get http://${to#*=}:8080/ | grep ${to%=*}
		$k exec ${from%=*} -- /web udp ${to#*=}:8081 | grep ${to%=*}
		test $($k exec ${from%=*} -- /web get http://${to#*=}:8080/10MB | wc -c) = 10000000
		$k exec ${from%=*} -- /web udp10MB ${to#*=}:8081 | grep ${to%=*}
	done
	$k exec ${from%=*} -- /web get http://front/ | grep web-
	$k exec ${from%=*} -- /web udp front:81 | grep web-
	$k logs ${from%=*} | grep udp
done`

const webSet = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: [{operator: Exists}]
      containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, ports: [{containerPort: 8080, hostPort: 9080}], readinessProbe: {httpGet: {path: /, port: 8080}}}]
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec:
  selector: {app: web}
  ports: [{name: tcp, port: 80, targetPort: 8080}, {name: udp, protocol: UDP, port: 81, targetPort: 8081}]`

// workerRights: a worker is the cluster's node, and no more.
func workerRights(worker, master *machine) {
	kubectlOfWorker(worker)
	joinedAgain(worker, master)
	worker.fails("podsec-k8s kubectl -n kube-system get secrets", 1, "orbidden")
	if out := worker.run("podsec-k8s exec find /etc/kubernetes -name '*.key'; podsec-k8s exec ls /etc/kubernetes"); strings.Contains(out, "ca.key") || strings.Contains(out, "admin.conf") {
		worker.t.Errorf("a worker has what is the cluster's: %s", out)
	}
	key := worker.run("podsec-k8s exec sed -n '/BEGIN.*PRIVATE KEY/{n;p}' /var/lib/kubelet/pki/kubelet-client-current.pem")
	if out, status := master.try("grep -rlF " + strings.TrimSpace(key) + " /var/lib/u7s-admin /run/user"); status == 0 {
		worker.t.Errorf("the worker's key is on the master too: %s", out)
	}
}

// moved: a machine with another address than its node's says so, and what to
// do; given its address again, it comes back.
func moved(worker, master *machine) {
	const file = "/etc/systemd/network/10-host0.network"
	worker.run("cp " + file + " /root/ && sed -i 's/^Address=.*/Address=10.77.0.240\\/24/' " + file)
	rebootAll(master, []*machine{worker})
	worker.eventually(time.Minute, "podsec-k8s status | grep 'no longer has'")
	worker.fails("podsec-k8s status", exitFault, worker.Address.String(), "no longer has")
	worker.eventually(time.Minute, "systemctl status kubelet --no-pager | grep 'podsec-k8s change-address'")
	lateAddress(worker)
	worker.run("cp /root/10-host0.network " + file)
	rebootAll(master, []*machine{worker})
	master.eventually(comeBack, "podsec-k8s kubectl rollout status --timeout=5s daemonset/web")
	everyPodReachesEveryPod(master, 2)
}

// kubeadmResets: kubeadm's own reset works in a node; what is left then is
// told of, and goes with ours.
func kubeadmResets(machines ...*machine) {
	for _, m := range machines {
		m.says("podsec-k8s kubeadm reset --force", "Stopping the kubelet service", "Deleting contents of directories")
		m.eventually(time.Minute, "! { pgrep -x etcd || pgrep -x kube-apiserver || pgrep -x kubelet; }")
		m.fails("podsec-k8s status", exitFault, "as after kubeadm reset", "podsec-k8s reset")
		m.fails("podsec-k8s-create-master", exitFault, "as after kubeadm reset", "podsec-k8s reset")
		m.run("podsec-k8s reset --yes")
		m.fails("podsec-k8s status", exitNoNode, "no node on this machine")
	}
}

// comeBack is how long a cluster may take until all is as before a reboot.
const comeBack = 90 * time.Second

// reboot: a worker, a master, and both at once come back by themselves.
func reboot(master, worker *machine) {
	for _, machines := range [][]*machine{{worker}, {master}, {master, worker}} {
		rebootAll(master, machines)
		start := time.Now()
		for _, name := range []string{master.Name, worker.Name} {
			master.eventually(comeBack, "podsec-k8s kubectl get node "+name+" -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}' | grep -x True")
		}
		master.eventually(comeBack, "podsec-k8s kubectl rollout status --timeout=5s daemonset/web")
		everyPodReachesEveryPod(master, 2)
		publishedAnswer(master, worker)
		master.t.Logf("all was back %s after the boot", time.Since(start).Round(time.Second))
	}
}

func rebootAll(master *machine, machines []*machine) {
	faults := make([]error, len(machines))
	var all sync.WaitGroup
	for i, m := range machines {
		all.Go(func() { faults[i] = m.Reboot(master.t.Context()) })
	}
	all.Wait()
	if err := errors.Join(faults...); err != nil {
		master.t.Fatal(err)
	}
}
