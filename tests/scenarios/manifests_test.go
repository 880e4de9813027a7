package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// nodeRoot is where the host has the node's own folders.
const nodeRoot = "/var/lib/u7s-admin/state/root"

// componentLogs: the log of a component is that of its pod, in the form that
// log collectors read, and the journal's as well; its last words are in both.
func componentLogs(m *machine) {
	logs := "podsec-k8s kubectl -n kube-system logs "
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		m.eventually(time.Minute, logs+name+"-t-master --tail=1 | grep .")
	}
	if out := m.run("grep -hvE '^20[0-9T:.-]+Z std(out|err) [FP] ' " + nodeRoot + "/var/log/pods/kube-system_etcd-*/etcd/*.log " + nodeRoot + "/var/log/pods/kube-system_kube-*/*/*.log || true"); out != "" {
		m.t.Errorf("no records of a container's log: %.500s", out)
	}

	m.run(background + "sh -c '" + logs + "-f --since=1s kube-scheduler-t-master > /run/followed'")
	m.run("pkill -ABRT -x kube-scheduler")
	last := `/^goroutine .*running/ || /^rflags/`
	m.eventually(time.Minute, "test $("+logs+"kube-scheduler-t-master | awk '"+last+"' | wc -l) -ge 1 && grep -q ^goroutine /run/followed")
	m.eventually(time.Minute, userctl+"is-active u7s-kube-scheduler && grep -q 'Starting Kubernetes Scheduler' /run/followed")
	const words = " | sed '1,/SIGABRT/d; /Starting Kube/,$d' | grep . > " // the journal has no empty lines
	m.run(logs + "kube-scheduler-t-master" + words + "/run/pod && journalctl -t kube-scheduler -o cat" + words + "/run/journal")
	m.run("test -s /run/pod && cmp /run/pod /run/journal && rm /run/pod /run/journal /run/followed")
	m.fails(logs+"--previous kube-scheduler-t-master", 1, "previous terminated container")

	rotation(m, logs)
	m.run(userctl + `stop u7s-kube-scheduler && test -z "$(pgrep -f '[u]nit log kube-scheduler')"; was=$?; ` + userctl + "start u7s-kube-scheduler && exit $was")
	m.eventually(time.Minute, logs+"kube-scheduler-t-master --tail=100 | grep 'Requested to terminate'")
}

// rotation: the kubelet rotates the log as it does every container's.
func rotation(m *machine, logs string) {
	const config = nodeRoot + "/var/lib/kubelet/config.yaml"
	m.run("cp -a " + config + " /run/config && echo 'containerLogMaxSize: 4Ki' >> " + config + " && " + userctl + "restart u7s-kubelet")
	m.eventually(time.Minute, "ls "+nodeRoot+"/var/log/pods/kube-system_kube-scheduler*/kube-scheduler/*.log.*")
	m.run("pkill -KILL -x kube-scheduler")
	m.eventually(time.Minute, "test $("+logs+"kube-scheduler-t-master | grep -c 'Starting Kubernetes Scheduler') = 1")
	m.run("cp -a /run/config " + config + " && rm /run/config && " + userctl + "restart u7s-kubelet")
}

// staticPod is a manifest as an administrator has it in /etc/kubernetes/manifests.
func staticPod(g generation.Generation, name string, port int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: kube-system}\nspec:\n  hostNetwork: true\n"+
		"  containers: [{name: a, image: \"registry.local/pause:%s\", ports: [{containerPort: %d, hostPort: %d}]}]\n", name, g.Pause, port, port)
}

func put(m *machine, path, text string) {
	m.t.Helper()
	m.run("cat > " + path + " <<'Y'\n" + text + "Y")
}

// staticPods: the administrator's own manifests are pods of the node, and
// what can't be one is refused aloud.
func staticPods(m *machine, g generation.Generation) {
	const folder = "/etc/kubernetes/manifests/"
	pod := "podsec-k8s kubectl -n kube-system get pod "
	put(m, folder+"vip.yaml", staticPod(g, "vip", 2112))
	put(m, nodeRoot+folder+"own.yml", staticPod(g, "own", 2113))
	m.run("chmod 0600 " + folder + "vip.yaml; chown u7s-admin: " + nodeRoot + folder + "own.yml")
	put(m, folder+"etcd.yaml", staticPod(g, "etcd", 2114))
	m.run("echo half > " + folder + "half.json; mkfifo " + folder + "pipe.yaml; touch " + folder + "README")
	m.eventually(time.Minute, "podsec-k8s status | tee /run/status | grep -q half.json; for w in 'vip.yaml: u7s-admin can' 'chgrp u7s-admin "+folder+"vip.yaml' "+
		"'etcd.yaml: it is named as a part' 'half.json' 'pipe.yaml: it is not a regular file' 'README: its name is not'; do grep -q \"$w\" /run/status || exit 1; done")
	m.says("journalctl -t manifests", "manifest refused", folder+"etcd.yaml")
	m.eventually(time.Minute, pod+"own-"+m.Name)

	m.run("chgrp u7s-admin " + folder + "vip.yaml && chmod 0640 " + folder + "vip.yaml && cd " + folder + " && rm etcd.yaml half.json pipe.yaml README")
	m.eventually(time.Minute, "podsec-k8s kubectl -n kube-system wait --timeout=5s --for=condition=Ready pod/vip-"+m.Name)
	m.eventually(time.Minute, "podsec-k8s status | grep '2112/tcp of Pod kube-system/vip-"+m.Name+": open' && podsec-k8s status")
	m.run("sed -i s/2112/2115/g " + folder + "vip.yaml")
	m.eventually(time.Minute, "podsec-k8s status | grep '2115/tcp of Pod kube-system/vip-"+m.Name+": open'")
	m.run("rm " + folder + "vip.yaml " + nodeRoot + folder + "own.yml")
	m.eventually(time.Minute, "! "+pod+"vip-"+m.Name+" && ! "+pod+"own-"+m.Name)
}

// workerStaticPod: a worker has static pods as well, whether its folder of
// manifests was there before or not.
func workerStaticPod(worker, master *machine, g generation.Generation) {
	worker.run(userctl + "is-active u7s-manifests && mv /etc/kubernetes/manifests /etc/kubernetes/manifests.away && mkdir /etc/kubernetes/manifests")
	put(worker, "/etc/kubernetes/manifests/vip.json", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"vip"},`+
		`"spec":{"containers":[{"name":"a","image":"registry.local/pause:`+g.Pause+`"}]}}`+"\n")
	master.eventually(time.Minute, "podsec-k8s kubectl get pod vip-"+worker.Name)
	worker.run("rm -r /etc/kubernetes/manifests && mv /etc/kubernetes/manifests.away /etc/kubernetes/manifests")
	master.eventually(time.Minute, "! podsec-k8s kubectl get pod vip-"+worker.Name)
}

// auditFiles is what the Kubernetes documentation, "Auditing", has an
// administrator write; folder is that of the policy.
func auditPolicy(m *machine, path string) {
	put(m, path, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
}

// extraArgs writes extra arguments in the form of a generation.
func extraArgs(g generation.Generation, args ...string) string {
	var all []string
	for i := 0; i < len(args); i += 2 {
		if g.KubeadmAPI == "kubeadm.k8s.io/v1beta3" {
			all = append(all, fmt.Sprintf("%s: %q", args[i], args[i+1]))
		} else {
			all = append(all, fmt.Sprintf("{name: %s, value: %q}", args[i], args[i+1]))
		}
	}
	if g.KubeadmAPI == "kubeadm.k8s.io/v1beta3" {
		return "{" + strings.Join(all, ", ") + "}"
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// auditConfig is the documentation's part of a kubeadm configuration.
func auditConfig(g generation.Generation, policy, log string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: ClusterConfiguration\napiServer:\n  extraArgs: %s\n  extraVolumes:\n"+
		"  - {name: audit, hostPath: %s, mountPath: %s, readOnly: true, pathType: File}\n"+
		"  - {name: audit-log, hostPath: %s, mountPath: %s, pathType: DirectoryOrCreate}\n",
		g.KubeadmAPI, extraArgs(g, "audit-policy-file", policy, "audit-log-path", log+"audit.log"), policy, policy, log, log)
}

// TestFiles makes a cluster whose configuration names files, as the
// Kubernetes documentation does for audit, and in every other way.
func TestFiles(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := bootInstalled(t, g, "t-files")
		const policy, log = "/etc/kubernetes/audit-policy.yaml", "/var/log/kubernetes/audit/"
		put(m, "/root/cluster.yaml", auditConfig(g, policy, log)+otherFiles(g))
		t.Run("refused", func(t *testing.T) { refusedFiles(m.on(t), policy) })
		m.run(create + " --config /root/cluster.yaml --patches /usr/local/etc/patches")
		t.Run("seen", func(t *testing.T) { seenFiles(m.on(t), g) })
		t.Run("audit", func(t *testing.T) { audited(m.on(t), log) })
	})
}

// otherFiles adds volumes at other places than their own, and an environment.
func otherFiles(g generation.Generation) string {
	env := ""
	if g.KubeadmAPI != "kubeadm.k8s.io/v1beta3" {
		env = "  extraEnvs: [{name: OF_THE_SITE, value: \"$(HOST) yes\"}, {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]\n"
	}
	return "  - {name: some, hostPath: /usr/local/etc, mountPath: /some/pod/path, readOnly: true}\n" +
		"  - {name: inner, hostPath: /srv/inner, mountPath: /etc/kubernetes/more/inner, pathType: Directory}\n" + env +
		"scheduler:\n  extraVolumes:\n  - {name: config, hostPath: /usr/local/etc/scheduler.yaml, mountPath: /policies/scheduler.yaml, pathType: File}\n" +
		"  extraArgs: " + extraArgs(g, "config", "/policies/scheduler.yaml") + "\n"
}

// refusedFiles: what is not there, or can't be read, is told of before
// anything is started.
func refusedFiles(m *machine, policy string) {
	run := create + " --config /root/cluster.yaml --patches /usr/local/etc/patches"
	before := nodeState(m)
	m.fails(run, exitPreflight, "[files] apiServer.extraArgs audit-policy-file", policy+" does not exist", "/srv/inner does not exist",
		"patches.directory: /usr/local/etc/patches does not exist", "scheduler.extraArgs config", "/usr/local/etc/scheduler.yaml does not exist", "remedy")
	auditPolicy(m, policy)
	put(m, "/usr/local/etc/scheduler.yaml", "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nclientConnection: {kubeconfig: /etc/kubernetes/scheduler.conf}\n")
	m.run("mkdir -p /usr/local/etc/patches /srv/inner && echo inner > /srv/inner/file && chmod 0600 " + policy)
	put(m, "/usr/local/etc/patches/kube-scheduler0+strategic.yaml", "spec: {initContainers: [{name: x, image: y}]}\n")
	m.fails(run, exitPreflight, "chgrp u7s-admin "+policy+" && chmod 0640 "+policy, "[control-plane]", "spec.initContainers")
	put(m, "/usr/local/etc/patches/kube-scheduler0+strategic.yaml", "spec: {containers: [{name: kube-scheduler, workingDir: /srv, env: [{name: OF_A_PATCH, value: \"yes\"}]}]}\n")
	m.run("chgrp u7s-admin " + policy + " && chmod 0640 " + policy + " && chmod 0700 /srv")
	m.fails(run, exitPreflight, "u7s-admin cannot enter the directory /srv")
	m.run("chmod 0755 /srv")
	if after := strings.SplitN(nodeState(m), "\n", 2); !strings.HasSuffix(before, after[1]) {
		m.t.Errorf("something was made:\n%swas:\n%s", after[1], before)
	}
}

// seenFiles: each component sees its volumes where they were mounted, and
// has its environment; the node and the host see nothing of that.
func seenFiles(m *machine, g generation.Generation) {
	in := func(name string) string { return "nsenter -t $(pgrep -x " + name + ") -m -r " }
	m.says(in("kube-apiserver")+"cat /some/pod/path/scheduler.yaml /etc/kubernetes/more/inner/file", "KubeSchedulerConfiguration", "inner")
	m.fails(in("kube-apiserver")+"touch /some/pod/path/x", 1, "Read-only")
	m.says(in("kube-scheduler")+"cat /policies/scheduler.yaml", "KubeSchedulerConfiguration")
	m.run("! ls /some /policies /etc/kubernetes/more; ! podsec-k8s exec ls /some /policies /etc/kubernetes/more")
	m.says("tr '\\0' '\\n' < /proc/$(pgrep -x kube-scheduler)/environ", "OF_A_PATCH=yes")
	m.says("readlink /proc/$(pgrep -x kube-scheduler)/cwd", "/srv\n")
	if g.KubeadmAPI != "kubeadm.k8s.io/v1beta3" {
		m.says("tr '\\0' '\\n' < /proc/$(pgrep -x kube-apiserver)/environ", "HOST="+m.Address.String()+"\n", "OF_THE_SITE="+m.Address.String()+" yes\n") // kubeadm sorts them
	}
	asked := time.Now()
	m.run(userctl + "stop u7s-kube-scheduler")
	if took := time.Since(asked); took > 10*time.Second {
		m.t.Errorf("a component with a mount namespace of its own took %s to stop", took)
	}
	m.run(userctl + "start u7s-kube-scheduler")
}

// audited: the log that the documentation asks for is written, on disk, and
// lasts.
func audited(m *machine, log string) {
	m.run("podsec-k8s kubectl create configmap audited")
	file := fmt.Sprintf("$(ls -d %saudit.log %s%saudit.log 2>/dev/null | head -1)", log, nodeRoot, log)
	m.eventually(time.Minute, "grep -q '\"name\":\"audited\"' "+file)
	if out := m.run("stat -f -c %T " + file); strings.Contains(out, "tmpfs") {
		m.t.Errorf("the audit log is on %s", out)
	}
	m.run("systemctl stop kubelet; systemctl start kubelet")
	m.eventually(time.Minute, "podsec-k8s kubectl get configmap audited && grep -q '\"name\":\"audited\"' "+file)
}

// joinNeedsFiles: a machine that joins as a control plane is told which files
// the cluster's configuration names, before anything is started there.
func joinNeedsFiles(next, first *machine, policy string) {
	command := strings.TrimSpace(first.run("podsec-k8s token create --print-join-command --control-plane"))
	before := nodeState(next)
	next.fails(command, exitPreflight, "[files] apiServer.extraArgs audit-policy-file", policy+" does not exist", "remedy")
	if after := nodeState(next); after != before {
		next.t.Errorf("something was changed:\n%swas:\n%s", after, before)
	}
	auditPolicy(next, policy)
}
