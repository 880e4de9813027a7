package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// upgradeTimeout bounds one run of an upgrade, of the way back as well.
const upgradeTimeout = 20 * time.Minute

// A pair is the generations that a cluster has before and after an upgrade.
type pair struct{ from, to generation.Generation }

// eachUpgrade runs a scenario for each of some upgrades, under the name of the minor
// that it starts with.
func eachUpgrade(t *testing.T, all []generation.Upgrade, scenario func(*testing.T, pair)) {
	parallel(t)
	for _, u := range all {
		from, err := generation.Named(u.From)
		if err != nil {
			t.Fatal(err)
		}
		to, err := generation.Named(u.To)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(from.Minor(), func(t *testing.T) { scenario(t, pair{from, to}) })
	}
}

// TestUpgrade upgrades a control plane that is in use within its minor, takes it
// back, and upgrades it again.
func TestUpgrade(t *testing.T) {
	eachUpgrade(t, generation.Patches(), func(t *testing.T, p pair) {
		m := bootInstalled(t, p.from, "t-up")
		m.run(create)
		deployed(m)
		images := p.offered(m)
		t.Run("command first", func(t *testing.T) { commandFirst(m.on(t), p) })
		thereAndBack(t, m, p, images)
	})
}

// TestUpgradeMinor does the same with the next minor. Its packages have other names:
// those that go stop and disable kubelet.service.
func TestUpgradeMinor(t *testing.T) {
	eachUpgrade(t, generation.Minors(), func(t *testing.T, p pair) {
		m := bootInstalled(t, p.from, "t-upm")
		m.run(create)
		deployed(m)
		thereAndBack(t, m, p, p.offered(m))
	})
}

// thereAndBack does all that a control plane can be asked for in an upgrade, as far as
// it goes.
func thereAndBack(t *testing.T, m *machine, p pair, images string) {
	for _, check := range []struct {
		name string
		run  func(*machine)
	}{
		{"package first", func(m *machine) { packageFirst(m, p) }},
		{"apply", func(m *machine) { applied(m, p, images) }},
		{"rollback", func(m *machine) { rolledBack(m, p) }},
		{"again", func(m *machine) { appliedAgain(m, p, images) }},
		{"data of before", func(m *machine) { withData(m, p) }},
		{"erase", nothingKept},
	} {
		if t.Failed() {
			return
		}
		t.Run(check.name, func(t *testing.T) { check.run(m.on(t)) })
	}
}

// offered gives the machine the packages that the upgrade leads to, as a mirror does
// when newer ones come, and returns the directory of their images.
func (p pair) offered(m *machine) string {
	m.t.Helper()
	packageOnce(m.t, p.to)
	images, err := m.Offer(m.t.Context(), p.to)
	if err != nil {
		m.t.Fatal(err)
	}
	return images
}

// install is the command by which an administrator gets the newer packages. Where
// they have other names, the older ones go in the same transaction, as apt does it.
func (p pair) install() string {
	switch {
	case p.to.Minor() != p.from.Minor():
		return "dnf -q -y upgrade --best --allowerasing podsec-k8s"
	case p.to.Prefix != p.from.Prefix:
		command := "dnf -q -y install --allowerasing"
		for _, part := range []string{"common", "client", "kubelet", "kubeadm", "node", "master", "crio"} {
			command += " " + p.to.Prefix + part
		}
		return command
	default:
		return "dnf -q -y upgrade '" + p.to.Prefix + "*'"
	}
}

// archives are the flags of the images that the newer version needs.
func archives(images string) string {
	return fmt.Sprintf(" --image-archive %[1]s/pause.tar --image-archive %[1]s/coredns.tar", images)
}

// upgrades runs a command of an upgrade to its end, and prints how long it took.
func (m *machine) upgrades(command string, words ...string) {
	m.t.Helper()
	m.ends(command, 0, words...)
}

// ends is upgrades for a command that ends with some status.
func (m *machine) ends(command string, status int, words ...string) {
	m.t.Helper()
	start := time.Now()
	out, got := m.tryFor(upgradeTimeout, command)
	m.t.Logf("%s: exit status %d after %s", command, got, time.Since(start).Round(time.Second))
	if got != status {
		m.t.Fatalf("%s: exit status %d, want %d\n%s", command, got, status, out)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			m.t.Errorf("%s: does not say %q\n%s", command, word, out)
		}
	}
}

// runs waits until the node is well and all of it has a version: the cluster as
// kubeadm and the API say, and each process by its own word.
func (m *machine) runs(first *machine, g generation.Generation, controlPlane bool) {
	m.t.Helper()
	first.eventually(2*time.Minute, fmt.Sprintf("podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/%s && "+
		"podsec-k8s kubectl get node %[1]s -o jsonpath='{.status.nodeInfo.kubeletVersion} {.spec.unschedulable}' | grep -x '%s '", m.Name, g.Kubernetes))
	processes := "kubelet kube-proxy"
	if controlPlane {
		processes += " kube-apiserver kube-controller-manager kube-scheduler"
		m.eventually(time.Minute, "podsec-k8s kubectl get --raw /version | jq -r .gitVersion | grep -x "+g.Kubernetes)
	}
	m.eventually(time.Minute, fmt.Sprintf(eachProcess, processes, g.Kubernetes))
	m.eventually(2*time.Minute, "podsec-k8s status")
	m.run("systemctl is-active kubelet && systemctl is-enabled kubelet")
}

// eachProcess asks the programs that run, and not those that are installed.
const eachProcess = `for name in %s; do
	pid=$(pgrep -x "$(printf %%.15s $name)") && has=$(/proc/$pid/exe --version) && test "$has" = "Kubernetes %s" || { echo "$name: $has"; exit 1; }
done`

// cluster checks which version the cluster has by kubeadm's word.
func (m *machine) cluster(g generation.Generation) {
	m.t.Helper()
	m.says("podsec-k8s kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{.data.ClusterConfiguration}'", "kubernetesVersion: "+g.Kubernetes)
	m.run("podsec-k8s kubectl -n kube-system rollout status --timeout=60s deployment/coredns")
	standsFor(m)
}

// standsFor: the stand-ins of the control plane are Ready.
func standsFor(m *machine) {
	m.t.Helper()
	var pods string
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		pods += " pod/" + name + "-" + m.Name
	}
	m.eventually(2*time.Minute, "podsec-k8s kubectl -n kube-system wait --timeout=5s --for=condition=Ready"+pods)
}

// deployed makes the workload.
func deployed(m *machine) {
	m.t.Helper()
	m.run(loadWeb)
	m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + shopManifest + "\nY")
	m.run("podsec-k8s kubectl rollout status --timeout=120s deployment/shop")
}

// shopManifest is two pods that any node takes, and a port of theirs.
const shopManifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]
      containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, readinessProbe: {httpGet: {path: /, port: 8080}}}]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  type: NodePort
  selector: {app: shop}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]`

// shopPods lists the pods of the workload, and how often each was started again.
const shopPods = `podsec-k8s kubectl get pods -l app=shop -o jsonpath='{range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort`

// commandFirst: without the packages nothing is changed, and what has to be typed is
// said.
func commandFirst(m *machine, p pair) {
	before := m.run(shopPods)
	m.fails("podsec-k8s upgrade apply "+p.to.Kubernetes+" --yes", exitFault, p.to.Kubernetes, "apt-get", "remedy")
	m.says("podsec-k8s upgrade plan", p.from.Kubernetes)
	m.fails("podsec-k8s upgrade rollback --yes", exitFault, "remedy")
	if after := m.run(shopPods); after != before {
		m.t.Errorf("pods before:\n%s\nafter:\n%s", before, after)
	}
	m.runs(m, p.from, true)
}

// packageFirst: the packages alone change no version that runs, not even by a reboot.
// Where they have other names, the kubelet package that goes stops kubelet.service: the
// node comes back by itself, with the same pods.
func packageFirst(m *machine, p pair) {
	pods := shopPods
	if p.to.Prefix != p.from.Prefix {
		pods += " | cut -d ' ' -f 1"
	}
	before := m.run(pods)
	m.run(p.install())
	m.says("kubeadm version -o short && rpm -q podsec-k8s", p.to.Kubernetes+"\n", ".k"+p.to.Minor())
	if p.to.Prefix != p.from.Prefix {
		m.fails("rpm -q "+p.from.Prefix+"kubelet", 1)
	}
	m.runs(m, p.from, true)
	if after := m.run(pods); after != before {
		m.t.Errorf("pods before:\n%s\nafter:\n%s", before, after)
	}
	m.says("podsec-k8s upgrade plan", p.from.Kubernetes, p.to.Kubernetes, "podsec-k8s upgrade apply")
	if err := m.Reboot(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	m.runs(m, p.from, true)
	m.cluster(p.from)
	m.run("podsec-k8s kubectl rollout status --timeout=120s deployment/shop")
}

// applied: no write that was acknowledged is lost, and no pod of the workload ends.
func applied(m *machine, p pair, images string) {
	before := m.run(shopPods)
	m.writes(m)
	m.upgrades("podsec-k8s upgrade apply "+p.to.Kubernetes+" --yes --drain=false"+archives(images), p.to.Kubernetes)
	m.written()
	m.runs(m, p.to, true)
	m.cluster(p.to)
	if after := m.run(shopPods); after != before {
		m.t.Errorf("pods before:\n%s\nafter:\n%s", before, after)
	}
	m.run("curl -sf http://" + m.Address.String() + ":30080/")
	m.says("podsec-k8s upgrade plan", p.to.Kubernetes)
	m.run("podsec-k8s backup list -o json | jq -e '.backups | length > 0'")
}

// rolledBack: the node has the version of before, and what was written since is kept, as
// is said.
func rolledBack(m *machine, p pair) {
	m.run("podsec-k8s kubectl create configmap after-the-upgrade")
	m.upgrades("podsec-k8s upgrade rollback --yes", p.from.Kubernetes, "is kept")
	m.runs(m, p.from, true)
	m.cluster(p.from)
	m.run("podsec-k8s kubectl get configmap written-1 after-the-upgrade")
	m.run("podsec-k8s kubectl rollout status --timeout=120s deployment/shop")
	m.fails("podsec-k8s upgrade rollback --yes", exitFault, "remedy")
}

// appliedAgain: with a drain, and the version of what is installed; then there is
// nothing to do.
func appliedAgain(m *machine, p pair, images string) {
	m.upgrades("podsec-k8s upgrade apply --yes"+archives(images), p.to.Kubernetes)
	m.runs(m, p.to, true)
	m.cluster(p.to)
	m.run("podsec-k8s kubectl rollout status --timeout=120s deployment/shop")
	m.upgrades("podsec-k8s upgrade apply --yes", p.to.Kubernetes)
	m.runs(m, p.to, true)
}

// withData: etcd's data of before come back as well, and what was written since is gone,
// as is said.
func withData(m *machine, p pair) {
	m.run("podsec-k8s kubectl create configmap since")
	m.upgrades("podsec-k8s upgrade rollback --restore-data --yes", p.from.Kubernetes, "is lost")
	m.runs(m, p.from, true)
	m.cluster(p.from)
	m.run("podsec-k8s kubectl get configmap after-the-upgrade")
	m.fails("podsec-k8s kubectl get configmap since", 1, "NotFound")
	m.run("podsec-k8s kubectl rollout status --timeout=120s deployment/shop")
}

// keptPrograms is where the programs of versions are that a node runs or goes back to.
const keptPrograms = "/usr/lib/podsec-k8s/kept"

// nothingKept: the programs of other versions go with the package, and no unit stays.
func nothingKept(m *machine) {
	m.run("test -d " + keptPrograms)
	m.run("dnf -q -y remove --noautoremove podsec-k8s && test ! -e /usr/lib/podsec-k8s")
	m.fails("systemctl list-units --all --no-legend 'podsec-k8s*' | grep .", 1)
}
