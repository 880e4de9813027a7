package scenarios

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// toolCaches is what rpm, dnf and the tools for accounts keep of their own.
func toolCaches() []string {
	return []string{
		"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-",
		"/var/lib/systemd/random-seed", "/var/lib/systemd/timers", "/var/lib/systemd/timers/*", "/var/lib/systemd/catalog/database",
		"/etc/.pwd.lock", "/etc/.updated", "/etc/ld.so.cache",
	}
}

// TestMaster is the main job: the package comes, a cluster is made, used,
// kept over an upgrade, and all of it goes again.
func TestMaster(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := bootBare(t, g, "t-master")
		// What podsec-k8s requires comes first, so that only it differs.
		m.run("dnf -q -y install $(dnf -q repoquery --requires --resolve podsec-k8s)")
		m.run("printf '[Unit]\\nDescription=of the administrator\\n' > /etc/systemd/system/kubelet.service")
		before := m.snapshot()

		m.run(keyLimits)
		m.run("dnf -q -y install podsec-k8s")
		t.Run("installed", func(t *testing.T) { installed(m.on(t), g) })
		t.Run("no node", func(t *testing.T) { noNode(m.on(t)) })
		if t.Failed() {
			return
		}
		kubectlOfNoNode(m)
		beside(m)
		for _, check := range []struct {
			name string
			run  func(*machine)
		}{
			{"again", askedAgain},
			{"wrong calls", wrongCalls},
			{"network", podNetwork},
			{"restart", restarted},
			{"guard", guard},
			{"terminal", terminal},
			{"processes", processes},
			{"rights", rights},
			{"stand-ins", standIns},
			{"logs", componentLogs},
			{"images", imagesAndPods},
			{"seccomp", seccompByDefault},
			{"node rights", nodeRights},
			{"own services", ownServices},
			{"host files", hostFiles},
			{"search domains", func(m *machine) { searchDomains(m); podDomains(m) }},
			{"static pods", func(m *machine) { staticPods(m, g) }},
			{"kubectl", kubectlAsEverywhere},
			{"status", statusTells},
			{"services", services},
			{"storage", ephemeralStorage},
			{"kubeconfig", renewed},
			{"limits", limitsRaised},
			{"site settings", func(m *machine) { siteSettings(m, g) }},
			{"kubeadm", func(m *machine) { kubeadmCommands(m, g) }},
			{"wall", wall},
			{"upgrade", upgrade},
		} {
			t.Run(check.name, func(t *testing.T) { check.run(m.on(t)) })
		}
		if g.Name == generation.All()[0].Name {
			t.Run("can't start", func(t *testing.T) { cantStart(m.on(t)) })
		}
		t.Run("erase", func(t *testing.T) { erase(m.on(t), before) })
	})
}

// asALT: the repository's packages are what ALT's rpm 4.13 can read, and say
// of names what ALT's do.
func asALT(m *machine, g generation.Generation) {
	m.fails("rpm -qp --qf '%{PAYLOADCOMPRESSOR}\n' /srv/repo/*.rpm | grep -v xz", 1)
	m.says("rpm -qp --provides /srv/repo/alt-base-*.rpm", "conmon = 1:", "systemd = 1:", "util-linux = 1:", "shadow-submap = 1:")
	crio := strings.TrimPrefix(g.CRIO, "v")
	m.says("rpm -q --provides --conflicts cri-o"+crio[:len("1.26")], "cri-o = "+crio, "cri-o < "+crio, "cri-o > "+crio)
	m.says("ls /usr/sbin/etcd /usr/sbin/flanneld", "/usr/sbin/flanneld")
}

func installed(m *machine, g generation.Generation) {
	m.says("dnf -q list --showduplicates podsec-k8s", "1.1.10-alt7") // ALT's own, which dnf left
	m.says("rpm -q podsec-k8s", "podsec-k8s-2.", "-alt1.k"+g.Name)
	if out := m.run("rpm -V podsec-k8s"); strings.TrimSpace(out) != "" {
		m.t.Errorf("rpm -V: %s", out)
	}
	m.says("getent passwd u7s-admin", ":/var/lib/u7s-admin:/sbin/nologin")
	m.says("getent shadow u7s-admin", "u7s-admin:!")
	ids := fmt.Sprintf(":u7s-admin:%d:65536", m.FirstSubID())
	m.says("grep u7s-admin /etc/subuid /etc/subgid", "subuid"+ids, "subgid"+ids)
	m.says("loginctl show-user u7s-admin -p Linger", "Linger=yes")
	m.says("systemctl show -p Delegate user@$(id -u u7s-admin)", "Delegate=yes")
	m.says("systemctl is-enabled kubelet || true", "disabled") // with the node it is enabled
	m.says("cat /proc/sys/net/ipv4/ping_group_range", "0\t2147483647")
	m.says("systemctl show kubelet -p ExecStart -p User -p DropInPaths", "kubelet-guard", "User=u7s-admin", g.DropIn)
	if out := m.run("systemctl show kubelet -p Environment"); strings.Contains(out, "KUBELET") {
		m.t.Errorf("kubeadm's drop-in is in force: %s", out)
	}
	asALT(m, g)
	m.says("podsec-k8s deps verify /srv/repo", "kubernetes-kubeadm")
	m.says("podsec-k8s host status -o json", `"kind":"user"`, `"kind":"linger"`)
	m.says("find /var/lib/podsec-k8s -type f -not -perm 600 | wc -l", "0\n")
	if out := m.run("for u in /usr/lib/systemd/user/u7s*; do systemd-analyze --user verify --man=no $u; done 2>&1 | grep u7s || true"); out != "" {
		m.t.Errorf("systemd-analyze verify: %s", out)
	}
}

// guard: the system's kubelet service is the node's.
func guard(m *machine) {
	m.says("systemctl is-active kubelet", "active")
	m.says("systemctl is-enabled kubelet", "enabled")
	pid := strings.TrimSpace(m.run(userctl + "show -P MainPID u7s-kubelet"))
	m.run(userctl + "kill --signal=KILL u7s-kubelet")
	m.eventually(time.Minute, fmt.Sprintf("%sis-active u7s-kubelet && test $(%sshow -P MainPID u7s-kubelet) != %s", userctl, userctl, pid))
	asked := endsWhenAsked(m)
	m.run("systemctl stop kubelet")
	asked()
	if out := m.run(userctl + "list-units --plain --no-legend --state=active 'u7s*'"); strings.TrimSpace(out) != "" {
		m.t.Errorf("systemctl stop kubelet left: %s", out)
	}
	kubectlOfStopped(m)
	m.run("systemctl start kubelet")
	m.eventually(time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/t-master")
	m.says("systemctl status kubelet --no-pager", "the rootless kubelet runs")

	m.run("systemctl kill -s KILL user@$(id -u u7s-admin)")
	m.eventually(time.Minute, userctl+"is-active u7s-kubelet u7s-kube-proxy && podsec-k8s kubectl get --raw /readyz")
}

// endsWhenAsked starts a program in the node that is in none of its units'
// cgroups, as a container may be, and returns the check that it was asked to end
// before the namespaces took it with them.
func endsWhenAsked(m *machine) func() {
	m.t.Helper()
	const file = "/var/lib/kubelet/asked"
	const program = `trap "echo yes > ` + file + `; exit" TERM; echo no > ` + file + `; while :; do sleep 0.1; done`
	m.run(background + "podsec-k8s exec sh -c '" + program + "'")
	kept := "/var/lib/u7s-admin/state/root" + file
	m.eventually(time.Minute, "grep no "+kept)
	return func() { m.says("cat "+kept+" && rm "+kept, "yes\n") }
}

// terminal: what runs as the node's user has no way to give the shell of the
// administrator commands.
func terminal(m *machine) {
	m.run("cat > /tmp/type.pl <<'P'\n" + typing + "\nP")
	m.says("script -qec 'podsec-k8s exec perl /tmp/type.pl' /dev/null", "refused: Operation not permitted")
	m.says("script -qec 'podsec-k8s exec tty' /dev/null", "/dev/pts/")
}

// typing tries TIOCSTI, by its number.
const typing = `my $c = "x"; print ioctl(STDIN, 0x5412, $c) ? "typed\n" : "refused: $!\n";`

const userctl = "systemctl --user -M u7s-admin@ "

// processes: each part of the node is a user service, and nothing of it is
// real root's.
func processes(m *machine) {
	uid := strings.TrimSpace(m.run("id -u u7s-admin"))
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "flanneld", "crio"} {
		m.eventually(time.Minute, userctl+"is-active u7s-"+name)
		for _, pid := range strings.Fields(m.run("pgrep -x " + name[:min(15, len(name))])) {
			m.says("stat -c %u /proc/"+pid, uid+"\n")
			m.says("cat /proc/"+pid+"/cgroup", "u7s-"+name+".service")
		}
	}
	for line := range strings.Lines(m.run("ps -eo euid=,ruid=,comm=")) {
		fields := strings.Fields(line)
		if len(fields) < 3 || (fields[0] != "0" && fields[1] != "0") {
			continue
		}
		switch name := fields[2]; {
		case strings.HasPrefix(name, "systemd"), name == "agetty", name == "sh", name == "ps", name == "env", name == "timeout":
		default:
			m.t.Errorf("a process of real root: %s", name)
		}
	}
}

// rights: RBAC is on, with all of kubeadm's roles.
func rights(m *machine) {
	count, err := strconv.Atoi(strings.TrimSpace(m.run("podsec-k8s kubectl get clusterroles --no-headers | wc -l")))
	if err != nil || count < 60 {
		m.t.Errorf("%d ClusterRoles, %v", count, err)
	}
	m.run("podsec-k8s kubectl get clusterrole cluster-admin admin edit view system:node")
	m.says("tr '\\0' ' ' < /proc/$(pgrep -x kube-apiserver)/cmdline", "--authorization-mode=Node,RBAC")
	m.says("podsec-k8s kubectl auth can-i --list --as=nobody-in-particular", "selfsubjectaccessreviews", "/api")
	if out := m.run("podsec-k8s kubectl auth can-i --list --as=nobody-in-particular"); strings.Contains(out, "*.*") || strings.Contains(out, "pods") {
		m.t.Errorf("a user without a binding may do more than discovery:\n%s", out)
	}
	m.fails("podsec-k8s kubectl get pods --as=nobody-in-particular", 1, "forbidden")
}

// standIns: the control plane's pods are Ready just as its services answer.
func standIns(m *machine) {
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		m.eventually(90*time.Second, "podsec-k8s kubectl -n kube-system wait --timeout=5s --for=condition=Ready pod/"+name+"-t-master")
	}
	m.run(userctl + "stop u7s-kube-scheduler")
	m.eventually(time.Minute, "podsec-k8s kubectl -n kube-system wait --timeout=5s --for=condition=Ready=false pod/kube-scheduler-t-master")
	m.run(userctl + "start u7s-kube-scheduler")
	m.eventually(time.Minute, "podsec-k8s kubectl -n kube-system wait --timeout=5s --for=condition=Ready pod/kube-scheduler-t-master")
}

// podNetwork: the pods' bridge has an address that no pod changes, so the
// network of every pod came at once.
func podNetwork(m *machine) {
	m.says("podsec-k8s exec cat /sys/class/net/cni0/address", "0a:58:0a:f4:00:01\n")
	if out := m.run("podsec-k8s kubectl get events -A --field-selector reason=FailedCreatePodSandBox -o name --ignore-not-found"); out != "" {
		m.t.Errorf("pods were refused: %s", m.run("podsec-k8s kubectl get events -A"))
	}
}

// imagesAndPods: two images are all that a control plane needs, and a user's
// pod runs, finds names and services, and can be looked into.
func imagesAndPods(m *machine) {
	images := m.run("podsec-k8s crictl images")
	if lines := strings.Count(images, "\n"); lines != 3 || !strings.Contains(images, "/coredns") || !strings.Contains(images, "/pause") {
		m.t.Errorf("images:\n%s", images)
	}
	m.says(loadWeb, "Loaded registry.local/web:1\n")
	m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + webPod + "\nY")
	m.run("podsec-k8s kubectl wait --timeout=120s --for=condition=Ready pod/web")
	m.eventually(time.Minute, "podsec-k8s kubectl exec web -- /web get http://front/")
	m.says("podsec-k8s kubectl exec web -- /web dns kubernetes.default", "10.96.0.1")
	m.says("podsec-k8s kubectl exec web -- /web udp front:81", "web")
	m.says("podsec-k8s kubectl logs web", "udp")
}

// services: there may be many of them, and kube-proxy may have to set the rules
// of all at once.
func services(m *machine) {
	s := rootlessSubject(m)
	manyServices(s, "web")
	m.run("podsec-k8s exec iptables -t nat -F KUBE-SERVICES && " + userctl + "restart u7s-kube-proxy")
	lastAnswers(s)
	m.run("podsec-k8s kubectl delete --wait=false -f - < /root/services.yaml > /dev/null")
}

// kubeadmCommands: kubeadm works in the node as its documentation says.
func kubeadmCommands(m *machine, g generation.Generation) {
	for command, word := range map[string]string{
		"version -o short":           g.Kubernetes,
		"token list":                 "signing",
		"certs check-expiration":     "apiserver-etcd-client",
		"certs renew apiserver":      "renewed",
		"config print init-defaults": "InitConfiguration",
		"config images list --kubernetes-version=" + g.Kubernetes:                               "kube-apiserver:" + g.Kubernetes,
		"init phase upload-certs --upload-certs":                                                "certificate key",
		"kubeconfig user --client-name=somebody --config=/var/lib/u7s-admin/state/kubeadm.yaml": "client-certificate-data",
	} {
		m.says("podsec-k8s kubeadm "+command, word)
	}
}

const webPod = `apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  tolerations: [{operator: Exists}]
  containers:
  - {name: web, image: "registry.local/web:1", imagePullPolicy: Never, readinessProbe: {httpGet: {path: /, port: 8080}}}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec:
  selector: {app: web}
  ports: [{name: tcp, port: 80, targetPort: 8080}, {name: udp, protocol: UDP, port: 81, targetPort: 8081}]`
