package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// exitNoNode is what podsec-k8s status ends with where there is no node.
const exitNoNode = 3

// noNode: a machine without a node says so, and its kubelet.service runs and
// waits for one.
func noNode(m *machine) {
	m.fails("podsec-k8s status", exitNoNode, "no node on this machine")
	if out, status := m.try("podsec-k8s status -o json"); status != exitNoNode || !strings.Contains(out, `"state":"none"`) || !strings.Contains(out, `"units":[]`) {
		m.t.Errorf("status %d: %s", status, out)
	}
	m.run("systemctl start kubelet")
	m.eventually(time.Minute, "systemctl status kubelet --no-pager | grep 'no node on this machine'")
	m.run("systemctl stop kubelet")
}

// statusTells: what is wrong with a node that runs is said, with what to do,
// and what is said to be done helps.
func statusTells(m *machine) {
	m.eventually(time.Minute, "podsec-k8s status")
	m.says("podsec-k8s status -o json", `"state":"running"`)

	m.run("systemctl disable kubelet")
	m.fails("podsec-k8s status", exitFault, "kubelet.service is disabled", "systemctl enable kubelet")
	m.run("systemctl enable kubelet && podsec-k8s status")

	apiserverCrashes(m)
	m.eventually(time.Minute, "podsec-k8s status")
	m.run("podsec-k8s kubectl delete node " + m.Name)
	m.fails("podsec-k8s status", exitFault, "no Node object", "systemctl restart kubelet")
	stoppedByHand(m)
	m.eventually(time.Minute, "podsec-k8s status && podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/"+m.Name)
}

const apiserverManifest = "/var/lib/u7s-admin/state/root/etc/kubernetes/manifests/kube-apiserver.yaml"

// apiserverCrashes: a part that ends again and again is named with its own
// last error.
func apiserverCrashes(m *machine) {
	m.run("cp -p " + apiserverManifest + " /root/ && sed -i 's,^    - --secure-port=,    - --nonsense=1\\n&,' " + apiserverManifest)
	m.eventually(time.Minute, "podsec-k8s status > /run/status; grep 'u7s-kube-apiserver.service *restarting' /run/status && grep -e 'unknown flag: --nonsense' /run/status"+
		" && grep 'was restarted' /run/status && grep _SYSTEMD_USER_UNIT=u7s-kube-apiserver.service /run/status")
	m.fails("podsec-k8s status", exitFault)
	m.run("cat /root/kube-apiserver.yaml > " + apiserverManifest)
}

// stoppedByHand: of services that were stopped beside a guard that runs the
// guard is as quiet as before, and the remedy that is printed brings all back.
func stoppedByHand(m *machine) {
	m.run(userctl + "stop u7s-rootlesskit")
	for _, command := range []string{"podsec-k8s status", "podsec-k8s crictl ps"} {
		m.fails(command, exitFault, "remedy: restart the node's services: systemctl stop kubelet; systemctl start kubelet")
	}
	m.run(userctl + "stop u7s.target")
	before := cpuTicks(m)
	time.Sleep(4 * time.Second)
	if ticks := cpuTicks(m) - before; ticks > 20 { // of 400; one that spins takes 100 and more
		m.t.Errorf("the guard and the user's systemd took %d ms in 4 s while the node was stopped", 10*ticks)
	}
	m.fails("podsec-k8s kubelet-guard", exitFault, "only kubelet.service runs this", "remedy")
	m.fails("setpriv --reuid=nobody --clear-groups podsec-k8s kubelet-guard", exitFault, "only kubelet.service runs this", "remedy")
	m.run("systemctl stop kubelet; systemctl start kubelet")
	m.eventually(time.Minute, userctl+"is-active u7s-rootlesskit u7s-crio u7s-kubelet u7s-flanneld u7s-kube-proxy u7s-ports u7s-etcd u7s-kube-apiserver u7s-kube-controller-manager u7s-kube-scheduler")
}

// cpuTicks returns the CPU time, in hundredths of a second, of the guard and of
// the systemd that it follows. Source: proc(5), /proc/pid/stat.
func cpuTicks(m *machine) (ticks int) {
	m.t.Helper()
	out := m.run("for unit in kubelet user@$(id -u u7s-admin); do awk '{print $14 + $15}' /proc/$(systemctl show -P MainPID $unit)/stat; done")
	for field := range strings.FieldsSeq(out) {
		var one int
		if _, err := fmt.Sscan(field, &one); err != nil {
			m.t.Fatal(err, out)
		}
		ticks += one
	}
	return ticks
}

// cantStart: starting a node that can't start fails with the cause, goes on
// trying, and is stopped at once when it is to be.
func cantStart(m *machine) {
	m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + stubbornPod + "\nY")
	m.run("podsec-k8s kubectl wait --timeout=60s --for=condition=Ready pod/stubborn")
	m.run("mv /usr/bin/slirp4netns /root/")
	m.fails("systemctl stop kubelet; systemctl start kubelet", exitFault, "failed")
	m.says("systemctl status kubelet --no-pager || true", "Status:", "slirp4netns", "not found")
	m.eventually(time.Minute, "podsec-k8s status | grep 'does not start: .*slirp4netns'")
	m.within(10*time.Second, func() { m.run("systemctl stop kubelet") })
	if out := m.run(userctl + "list-units --plain --no-legend --all --state=failed,active,activating 'u7s*'"); strings.TrimSpace(out) != "" {
		m.t.Errorf("after a stop: %s", out)
	}
	m.fails("podsec-k8s status", exitFault, "the node is stopped", "systemctl start kubelet")
	m.fails("podsec-k8s crictl ps", exitFault, "remedy: start the node: systemctl start kubelet")
	if out, _ := m.try("podsec-k8s status"); strings.Contains(out, "open") || strings.Contains(out, "refused") {
		m.t.Errorf("of a node that is stopped: %s", out)
	}
	m.run("mv /root/slirp4netns /usr/bin/ && systemctl start kubelet")
	m.run(userctl + "is-active u7s-rootlesskit u7s-kubelet") // it was waited for
	m.eventually(time.Minute, "podsec-k8s kubectl delete pod stubborn --force --grace-period=0")
	m.eventually(time.Minute, "podsec-k8s status")
}

// stubbornPod does not end when it is asked to. Its programs are the machine's.
const stubbornPod = `apiVersion: v1
kind: Pod
metadata: {name: stubborn}
spec:
  tolerations: [{operator: Exists}]
  containers:
  - name: shell
    image: registry.local/web:1
    imagePullPolicy: Never
    command: [/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2, --library-path, /usr/lib/x86_64-linux-gnu, /usr/bin/dash, -c, 'trap "" TERM; exec $0 --library-path /usr/lib/x86_64-linux-gnu /usr/bin/sleep 600', /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2]
    volumeMounts: [{name: usr, mountPath: /usr}]
  volumes: [{name: usr, hostPath: {path: /usr}}]`

// lateAddress: a node whose address comes late comes up by itself, and one
// that waits for it is stopped at once.
func lateAddress(m *machine) {
	m.within(10*time.Second, func() { m.run("systemctl stop kubelet") })
	m.run("systemctl start --no-block kubelet; sleep 2; ip address add " + m.Address.String() + "/24 dev host0")
	m.eventually(time.Minute, "systemctl is-active kubelet && "+userctl+"is-active u7s-kubelet")
}

// sitePolicy is a file that the apiservers of some clusters need.
const sitePolicy = "/usr/local/etc/audit-policy.yaml"

// withAudit lets the cluster that a machine is going to make need that file,
// which the machine has.
func withAudit(m *machine, g generation.Generation) {
	auditPolicy(m, sitePolicy)
	m.run("cat >> /etc/podsec-k8s/kubeadm.yaml <<'Y'\n---\n" + auditConfig(g, sitePolicy, "/var/log/kubernetes/audit/") + "Y")
}

// brokenControlPlane: a further control plane whose apiserver can't start is
// none, though the cluster answers; mended, the same command goes on.
func brokenControlPlane(first, second *machine) {
	put(second, sitePolicy, "nonsense: [\n")
	command := strings.TrimSpace(first.run("podsec-k8s token create --print-join-command --control-plane"))
	second.within(2*time.Minute, func() {
		second.fails(command, exitFault, "u7s-kube-apiserver.service", "failed decoding", "remedy", "the same command")
	})
	second.fails("podsec-k8s status", exitFault, "partly created", "the same command", "failed decoding")
	auditPolicy(second, sitePolicy)
	second.says(command, "The control plane is ready")
	second.run("podsec-k8s status && podsec-k8s exec curl -sfk https://" + second.Address.String() + ":6443/readyz")
}

// TestBrokenControlPlane is the newest kubeadm's, which waits for its parts:
// that is cut short. The second machine's administrator has made the node's
// user before, with a home somewhere else.
func TestBrokenControlPlane(t *testing.T) {
	parallel(t)
	all := generation.Tested()
	g := all[len(all)-1]
	t.Run(g.Name, func(t *testing.T) {
		c := bootNodes(t, g, "t-b", 2, 0)
		first, second := &machine{c.Masters[0], t, new(bool)}, &machine{c.Masters[1], t, new(bool)}
		second.run("useradd --system --create-home --home-dir /srv/admin --shell /bin/sh u7s-admin && cp -p /etc/passwd /root/")
		if err := c.Install(t.Context()); err != nil {
			t.Fatal(err)
		}
		withAudit(first, g)
		var said strings.Builder
		if err := c.Create(t.Context(), &said); err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
		t.Run("joins", func(t *testing.T) { brokenControlPlane(first.on(t), second.on(t)) })
		t.Run("goes", func(t *testing.T) { foreignHomeStays(second.on(t)) })
	})
}

// foreignHomeStays: a user that the administrator has made keeps its home when
// the package goes.
func foreignHomeStays(m *machine) {
	m.run("podsec-k8s reset --yes && dnf -q -y remove --noautoremove podsec-k8s")
	m.run("cmp /etc/passwd /root/passwd && test \"$(stat -c %U /srv/admin)\" = u7s-admin && test ! -e /var/lib/u7s-admin")
}

// skippedService: a service that systemd skips has not started.
func skippedService(m *machine) {
	const dropIn = "/etc/systemd/user/u7s-crio.service.d"
	m.run("mkdir -p " + dropIn + " && printf '[Unit]\\nConditionPathExists=/nowhere\\n' > " + dropIn + "/skip.conf && " + userctl + "daemon-reload")
	m.fails(create, exitFault, "phase runtime", "u7s-crio.service", "ConditionPathExists=/nowhere is not met", "remedy")
	m.fails("podsec-k8s status", exitFault, "phase runtime is not completed", "skipped", "the same command")
	m.run("rm -r " + dropIn + " && " + userctl + "daemon-reload && podsec-k8s reset --yes")
}

// brokenInit: a control plane whose apiserver can't start ends kubeadm early,
// with the apiserver's own error, and leaves nothing running behind.
func brokenInit(m *machine, g generation.Generation) {
	m.run(fmt.Sprintf("printf 'apiVersion: %s\\nkind: ClusterConfiguration\\napiServer: {extraArgs: {nonsense: \"1\"}}\\n' > /root/broken.yaml", g.KubeadmAPI))
	m.within(90*time.Second, func() {
		m.fails(create+" --config /root/broken.yaml", exitFault, "u7s-kube-apiserver.service was restarted", "its last error: Error: unknown flag: --nonsense", "remedy")
	})
	m.run("! pgrep -x kubeadm")
	m.fails("podsec-k8s status", exitFault, "phase control-plane is not completed", "unknown flag: --nonsense")
	m.run("podsec-k8s reset --yes")
}
