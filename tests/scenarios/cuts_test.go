package scenarios

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// everyCut makes TestCuts cut at each moment by each signal, on a machine without
// a node, and run the command again to the end: some 100 runs to the end. Without
// it each moment is cut once, the signals take turns, and a run that goes on after
// a cut is itself cut at the next moment; a control plane that joins is cut once, and
// once when it leaves. See make cuts.
var everyCut = flag.Bool("every-cut", false, "TestCuts cuts at each moment by each signal")

// A moment of a run is a condition for a shell. What the run has said so far is
// in cutLog.
type moment struct {
	name string
	when string
	last bool // the run may have done all when it gets the signal
}

const (
	cutLog  = "/run/cut.log"
	oldLogs = "/run/cut.old" // what all cut runs have said
	ofNode  = "/var/lib/u7s-admin/state/root"
)

// said is the moment when a line with that beginning is printed.
func said(line string) string {
	return fmt.Sprintf("grep -q '^ *%s' %s", strings.NewReplacer("[", `\[`, "]", `\]`).Replace(line), cutLog)
}

func masterMoments() []moment {
	return []moment{
		{"namespaces", said("[1/6]"), false},
		{"runtime", said("[2/6]"), false},
		{"images", said("[3/6]"), false},
		{"kubeadm", said("[4/6]"), false},
		{"certificates", said(`[certs] Generating "etcd/ca"`), false},
		{"kubeconfigs", said(`[kubeconfig] Writing "kubelet.conf"`), false},
		{"manifests", said(`[control-plane] Creating static Pod manifest for "kube-scheduler"`), false},
		{"objects", said("[upload-config]"), false},
		{"waiting for the node", said("[6/6]"), false},
		{"root's end", said("The control plane is ready"), true},
	}
}

func joinMoments() []moment {
	return []moment{
		{"namespaces", said("[1/6]"), false},
		{"runtime", said("[2/6]"), false},
		{"images", said("[3/6]"), false},
		{"kubeadm", said("[4/6]"), false},
		{"discovery", said("[preflight] Reading configuration from the"), false},
		{"certificate authority", "test -e " + ofNode + "/etc/kubernetes/pki/ca.crt", false},
		{"identity", "test -e " + ofNode + "/etc/kubernetes/kubelet.conf", false},
		{"joined", said("This node has joined the cluster"), false},
		{"waiting for the node", said("[6/6]"), false},
		{"root's end", said("This machine is a worker now"), true},
	}
}

func resetMoments() []moment {
	return []moment{
		{"kubeadm", said("[preflight] Running pre-flight checks"), false},
		{"identity gone", "! test -e " + ofNode + "/etc/kubernetes/kubelet.conf", false},
		{"runtime ended", "! pgrep -u u7s-admin -x crio", false},
		{"files", "test -e /var/lib/u7s-admin/state.removing", false},
		{"root's end", "! test -e /var/lib/u7s-admin/state && ! test -e /var/lib/u7s-admin/state.removing", true},
	}
}

// signals are what runs are cut by, with the exit status.
var signals = []struct {
	name   string
	status int
}{{"INT", 130}, {"TERM", 143}, {"HUP", 129}, {"KILL", 137}}

// cut runs a command until a moment, sends it the signal of that number, and
// waits for it to end.
func (m *machine) cut(command string, at moment, number int) {
	m.t.Helper()
	s := signals[number%len(signals)]
	out, status := m.try(fmt.Sprintf(`: > %[1]s
%[2]s > %[1]s 2>&1 & pid=$!
until %[3]s; do kill -0 $pid 2>&1 || { cat %[1]s; exit 99; }; sleep 0.02; done
kill -s %[4]s $pid 2>&1; wait $pid; status=$?
{ echo "--- cut by %[4]s, %[5]s"; cat %[1]s; } >> %[6]s; cat %[1]s; exit $status`, cutLog, command, at.when, s.name, at.name, oldLogs))
	if status != s.status && (!at.last || status != 0) {
		m.t.Fatalf("cut by %s, %s: exit status %d, want %d\n%s", s.name, at.name, status, s.status, out)
	}
	if status != 0 && s.name != "KILL" && !strings.Contains(out, "remedy: run the same command again") {
		m.t.Errorf("cut by %s, %s: no remedy\n%s", s.name, at.name, out)
	}
}

// cutAll cuts a command at each moment and runs it to the end: once after all
// cuts, or after each when prepare makes the machine as it was before.
func (m *machine) cutAll(command string, moments []moment, prepare, done func()) {
	m.t.Helper()
	for i, at := range moments {
		for number := range signals {
			if !*everyCut && number != i%len(signals) {
				continue
			}
			start := time.Now()
			m.cut(command, at, number)
			if !*everyCut {
				continue
			}
			m.run(command)
			done()
			m.t.Logf("%s, cut by %s: %s", at.name, signals[number].name, time.Since(start).Round(time.Second))
			prepare()
		}
	}
	m.run(command)
	done()
}

// TestCuts: create-master, join and reset can be cut at any moment by any signal,
// and the very next run of the same command comes to the end.
func TestCuts(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		master, worker := bootInstalled(t, g, "t-cut-m"), bootInstalled(t, g, "t-cut-w")
		create := create + " --skip-phases addon/coredns --control-plane-endpoint " + master.Address.String() + ":6443"
		t.Run("left alone", func(t *testing.T) { leftAlone(master.on(t), create) })
		t.Run("create-master", func(t *testing.T) { cutMaster(master.on(t), create) })
		if t.Failed() {
			return
		}
		var join string
		t.Run("join", func(t *testing.T) { join = cutJoin(worker.on(t), master.on(t)) })
		if t.Failed() {
			return
		}
		t.Run("damaged", func(t *testing.T) { damagedState(worker.on(t), join) })
		t.Run("reset", func(t *testing.T) { cutReset(worker.on(t), master.on(t), join) })
		t.Run("control plane", func(t *testing.T) { cutControlPlane(worker.on(t), master.on(t)) })
	})
}

// isReady is the node's Ready, and all well by its own status, with the
// guard.
func isReady(m, master *machine) {
	m.t.Helper()
	master.run("podsec-k8s kubectl wait --timeout=60s --for=condition=Ready node/" + m.Name)
	m.eventually(time.Minute, "podsec-k8s status")
	m.run("systemctl is-active kubelet")
	noLeftovers(m)
}

// noLeftovers: what cut runs leave is gone. A file of a few bytes that skopeo has
// left in the storage of images is CRI-O's.
func noLeftovers(m *machine) {
	m.t.Helper()
	if out := m.run(`find /var/lib/u7s-admin /var/lib/podsec-k8s /root/.kube -path '*/containers/storage' -prune -o '(' -name '.*[0-9]' -o -name 'image-*.tar' -o -name 'state.removing' ')' -print 2> /dev/null; ! systemctl is-active -q podsec-k8s-run.scope || echo podsec-k8s-run.scope`); out != "" {
		m.t.Errorf("left behind:\n%s", out)
	}
}

// leftAlone: what u7s-admin runs ends with root's process, or is ended by the
// next run; a run that is ending is waited for.
func leftAlone(m *machine, create string) {
	const running = "pgrep -x kubeadm || systemctl is-active podsec-k8s-run.scope"
	certificates := masterMoments()[4]
	m.cut(create, certificates, 3)
	m.eventually(time.Minute, "! { "+running+"; }")
	m.says("podsec-k8s status || true", "phase control-plane is not completed", "again to continue")

	m.try(fmt.Sprintf(`: > %[1]s; %[2]s > %[1]s 2>&1 & pid=$!
until %[3]s; do sleep 0.02; done
kill -STOP $(pgrep -x kubeadm); kill -KILL $pid $(pgrep -u u7s-admin -f ' node make')`, cutLog, create, certificates.when))
	m.run("pgrep -x kubeadm")
	m.cut(create, masterMoments()[3], 0)
	m.run("! { " + running + "; }")
	m.says("cat "+cutLog, "ending what an interrupted run left running")

	out, status := m.try(fmt.Sprintf(`: > %[1]s; %[2]s > %[1]s 2>&1 & pid=$!
until %[3]s; do sleep 0.02; done
kill -TERM $pid; timeout --preserve-status --signal=INT 4 %[2]s 2>&1`, cutLog, create, certificates.when))
	if status == exitLocked || !strings.Contains(out, "[1/6]") {
		m.t.Errorf("a run beside one that is ending: exit status %d\n%s", status, out)
	}
}

// cutMaster makes a control plane after it was cut. A hangup that the shell
// ignores, as with nohup, does nothing.
func cutMaster(m *machine, create string) {
	m.cutAll(create, masterMoments(), func() { m.run("podsec-k8s reset --yes") }, func() {
		isReady(m, m)
		m.run("test -s /root/.kube/config && kubectl get nodes")
	})
	if *everyCut {
		m.run("podsec-k8s reset --yes")
		m.run(fmt.Sprintf("nohup %s > /root/nohup.out 2>&1 & pid=$!; sleep 2; kill -HUP $pid; wait $pid", create))
		isReady(m, m)
	}
}

// cutJoin lets a worker join after it was cut, and returns the command.
func cutJoin(worker, master *machine) string {
	token, hash := ticket(master)
	worker.run("umask 077; echo " + token + " > /root/token")
	join := "podsec-k8s join " + master.Address.String() + ":6443 --token-file /root/token --discovery-token-ca-cert-hash " + hash
	worker.cutAll(join, joinMoments(), func() {
		worker.run("podsec-k8s reset --yes")
		master.run("podsec-k8s kubectl delete node " + worker.Name)
	}, func() { isReady(worker, master) })
	return join
}

// damagedState: a file of state that is empty, as after a power cut, is told of
// and mended by the command that made the node.
func damagedState(m *machine, join string) {
	for _, name := range []string{"node.json", "steps.json"} {
		m.run(": > /var/lib/u7s-admin/state/" + name)
		m.says(join+" 2>&1", "damaged", name, "already a node of a cluster")
		m.run("test -s /var/lib/u7s-admin/state/" + name)
	}
	m.eventually(time.Minute, "podsec-k8s status")
}

// cutReset takes a worker away after it was cut in that, and makes none of half a
// node meanwhile.
func cutReset(m, master *machine, join string) {
	m.cut("podsec-k8s reset --yes", resetMoments()[0], 3)
	m.fails("podsec-k8s status", exitFault, "podsec-k8s reset was interrupted", "podsec-k8s reset")
	m.fails(join, exitFault, "podsec-k8s reset was interrupted", "podsec-k8s reset")
	moments := resetMoments()
	if !*everyCut {
		moments = moments[1:]
	}
	m.cutAll("podsec-k8s reset --yes", moments, func() {
		master.run("podsec-k8s kubectl delete node " + m.Name)
		m.run(join)
	}, func() {
		m.fails("podsec-k8s status", exitNoNode, "no node on this machine")
		noLeftovers(m)
		if out := m.run("ls -A /var/lib/u7s-admin; ls /var/lib/podsec-k8s | grep -x cluster; ls -d /run/user/$(id -u u7s-admin)/u7s* 2>&1 | grep -v 'No such'; true"); strings.Trim(out, "\n") != "" && strings.TrimSpace(out) != ".kube" {
			m.t.Errorf("left behind:\n%s", out)
		}
	})
}

// controlPlaneMoments are those in which the cluster's etcd gets a member.
func controlPlaneMoments() []moment {
	return []moment{
		{"certificates", said("[certs] Generating"), false},
		{"kubelet", said("[kubelet-start] Starting the kubelet"), false},
		{"member announced", said("[etcd] Announced new etcd member"), false},
		{"member", said("[etcd] Waiting for the new etcd member"), false},
		{"marked", said("[mark-control-plane]"), false},
	}
}

// cutControlPlane lets one more control plane join after it was cut, and leave
// after it was cut in that: then etcd has one member again.
func cutControlPlane(m, master *machine) {
	master.run("podsec-k8s kubectl delete node " + m.Name)
	_, hash := ticket(master)
	lines := strings.Split(master.run("podsec-k8s token create --control-plane"), "\n")
	m.run("umask 077; echo " + lines[1] + " > /root/token; echo " + lines[2] + " > /root/key")
	join := "podsec-k8s join " + master.Address.String() + ":6443 --control-plane --certificate-key-file /root/key --token-file /root/token --discovery-token-ca-cert-hash " + hash
	moments, leaving := controlPlaneMoments(), resetMoments()
	if !*everyCut {
		moments, leaving = moments[2:3], leaving[1:2]
	}
	for i, at := range moments {
		m.cut(join, at, i+3)
	}
	m.run(join)
	isReady(m, master)
	healthy(master, master.Name, m.Name)
	for i, at := range leaving {
		m.cut("podsec-k8s leave --yes --force", at, i)
	}
	m.run("podsec-k8s leave --yes --force")
	noLeftovers(m)
	master.eventually(time.Minute, "podsec-k8s kubectl get --raw /readyz/etcd")
	if out := master.run("podsec-k8s kubectl get nodes -o name"); strings.TrimSpace(out) != "node/"+master.Name {
		m.t.Errorf("the nodes that are left: %s", out)
	}
}
