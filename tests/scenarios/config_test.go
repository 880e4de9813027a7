package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestConfig changes the configuration of a cluster that exists, on a control plane and
// on a worker.
func TestConfig(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := bootInstalled(t, g, "t-config")
		w := bootInstalled(t, g, "t-config-two")
		m.run("mkdir -p /usr/local/etc/patches")
		put(m, "/usr/local/etc/patches/kubeletconfiguration+merge.yaml", "{registryPullQPS: 7}\n")
		m.run(create + " --patches /usr/local/etc/patches")
		w.run(joinCommand(m))
		t.Run("same", func(t *testing.T) { configSame(m.on(t), w.on(t)) })
		t.Run("refused", func(t *testing.T) { configRefused(m.on(t), w.on(t), g) })
		t.Run("apply", func(t *testing.T) { configApplied(m.on(t), w.on(t), g) })
		t.Run("sysctl", func(t *testing.T) { configSysctl(m.on(t)) })
		t.Run("back", func(t *testing.T) { configBack(m.on(t), g) })
		t.Run("cut", func(t *testing.T) { configCut(m.on(t), g) })
		t.Run("removed", func(t *testing.T) { configRemoved(m.on(t)) })
		t.Run("proxy", func(t *testing.T) { configProxy(m.on(t)) })
		t.Run("registry", func(t *testing.T) { configRegistry(m.on(t), w.on(t), g) })
	})
}

const proxyDocument = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"

const kubeletDocument = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

func clusterDocument(g generation.Generation, fields string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: ClusterConfiguration\n%s\n", g.KubeadmAPI, fields)
}

// configSame: what kubeadm has made has no differences.
func configSame(m, w *machine) {
	m.says("podsec-k8s config diff", "the node has the settings of the configuration")
	w.says("podsec-k8s config diff -o json", `"same":true,"differences":[]`)
	m.says("podsec-k8s config apply", "the node has the settings of the configuration")
}

// configRefused: what can't change is named, and nothing is changed.
func configRefused(m, w *machine, g generation.Generation) {
	const stored = "podsec-k8s kubectl -n kube-system get configmap kubeadm-config kubelet-config -o jsonpath='{.items[*].metadata.resourceVersion}'"
	before := m.run(stored)
	for fields, word := range map[string]string{
		"networking: {podSubnet: 10.1.0.0/16}":                                 "[networking podSubnet] cannot change",
		"networking: {serviceSubnet: 10.1.0.0/1}":                              "[networking serviceSubnet] cannot change",
		"networking: {dnsDomain: x.example}":                                   "[networking dnsDomain] cannot change",
		"clusterName: another":                                                 "[clusterName] cannot change",
		"kubernetesVersion: v1.99.0":                                           "the version is changed by an upgrade",
		"controlPlaneEndpoint: x.example:6443":                                 "[controlPlaneEndpoint] cannot change",
		"certificatesDir: /x":                                                  "[certificatesDir] cannot change",
		"apiServer: {nonsense: 1}":                                             `unknown field "apiServer.nonsense"`,
		"apiServer: {extraArgs: " + extraArgs(g, "audit-log-path", "/x") + "}": "podsec-k8s audit set MODE",
	} {
		put(m, "/root/bad.yaml", clusterDocument(g, fields))
		m.fails("podsec-k8s config apply /root/bad.yaml", exitFault, word, "remedy")
	}
	for file, word := range map[string]string{
		kubeletDocument + "staticPodPath: /x\n":            "the stand-ins of the control plane are there",
		proxyDocument + "mode: ipvs\n":                     "podsec-k8s watches the rules that kube-proxy sets by iptables",
		proxyDocument + "conntrack: {maxPerCore: 32768}\n": "a user namespace may not change the connection tracking",
		proxyDocument + "iptables: {nonsense: 1}\n":        `unknown field "iptables.nonsense"`,
	} {
		put(m, "/root/bad.yaml", file)
		m.fails("podsec-k8s config apply /root/bad.yaml", exitFault, word, "remedy")
	}
	m.run("! podsec-k8s kubectl -n kube-system get configmap podsec-k8s-kube-proxy 2>/dev/null")
	put(w, "/root/bad.yaml", kubeletDocument+"maxPods: 50\n")
	w.fails("podsec-k8s config apply /root/bad.yaml", exitFault, "this node is not a control plane")
	if after := m.run(stored); after != before {
		m.t.Error("the configuration of the cluster is another one")
	}
}

// configApplied: the node, the cluster, and then the worker have the new settings.
func configApplied(m, w *machine, g generation.Generation) {
	put(m, "/root/new.yaml", clusterDocument(g, "apiServer: {extraArgs: "+extraArgs(g, "max-requests-inflight", "500")+"}\nscheduler: {extraArgs: "+extraArgs(g, "v", "3")+"}")+
		"---\n"+kubeletDocument+"allowedUnsafeSysctls: [net.core.somaxconn]\nmaxPods: 50\n---\n"+proxyDocument+"iptables: {minSyncPeriod: 2s}\n")
	m.fails("podsec-k8s config diff /root/new.yaml", exitFault, "+ kube-proxy iptables.minSyncPeriod: 2s\n", "+ kube-apiserver --max-requests-inflight: 500\n", "+ kube-scheduler --v: 3\n", `+ kubelet allowedUnsafeSysctls: ["net.core.somaxconn"]`)
	m.says("podsec-k8s config apply /root/new.yaml", "On the other nodes, run podsec-k8s config apply: t-config-two")
	m.says("podsec-k8s config diff && ps axww -o args", "the node has the settings", "--max-requests-inflight=500")
	m.says("podsec-k8s kubectl -n kube-system get configmap kubeadm-config kubelet-config podsec-k8s-kube-proxy -o yaml", "max-requests-inflight", "somaxconn", "minSyncPeriod: 2s")
	w.fails("podsec-k8s config diff", exitFault, "+ kubelet maxPods: 50\n", "+ kube-proxy iptables.minSyncPeriod: 2s\n")
	w.says("podsec-k8s config apply && podsec-k8s config diff", "+ kubelet maxPods: 50\n", "the node has the settings")
	for _, n := range []*machine{m, w} {
		n.says("cat /var/lib/u7s-admin/state/kube-proxy.yaml && podsec-k8s status", "minSyncPeriod: 2s", "mode: iptables")
	}
	m.eventually(time.Minute, "podsec-k8s kubectl get nodes -o jsonpath='{.items[*].status.capacity.pods}' | grep -x '50 50'")
	m.says("podsec-k8s config apply /root/new.yaml", "the node has the settings")               // again
	m.says("cat "+nodeRoot+"/var/lib/kubelet/config.yaml", "registryPullQPS: 7", "maxPods: 50") // of the patch
}

// configSysctl: a pod sets a sysctl that the kubelet now allows, and none that it does
// not.
func configSysctl(m *machine) {
	const pod = `apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  tolerations: [{operator: Exists}]
  securityContext: {sysctls: [{name: SYSCTL, value: "1234"}]}
  containers: [{name: c, image: "IMAGE", imagePullPolicy: Never}]
---
`
	put(m, "/root/pod.yaml", strings.NewReplacer("NAME", "tuned", "SYSCTL", "net.core.somaxconn").Replace(pod)+
		strings.NewReplacer("NAME", "refused", "SYSCTL", "kernel.msgmax").Replace(pod))
	m.run("sed -i \"s,IMAGE,$(podsec-k8s image list | grep -m1 pause),\" /root/pod.yaml && podsec-k8s kubectl apply -f /root/pod.yaml")
	m.run("podsec-k8s kubectl wait --for=condition=Ready --timeout=60s pod/tuned")
	m.eventually(time.Minute, "podsec-k8s kubectl get pod refused -o jsonpath='{.status.reason}' | grep -x SysctlForbidden")
	m.run("podsec-k8s kubectl delete pod tuned refused --grace-period=1")
}

// configBack: what does not come up has the previous settings again, and so do those
// that came up before it, and the cluster.
func configBack(m *machine, g generation.Generation) {
	bad := "{extraArgs: " + extraArgs(g, "no-such-flag", "1") + "}"
	more := "apiServer: {extraArgs: " + extraArgs(g, "max-requests-inflight", "501") + "}\n"
	for part, file := range map[string]string{
		"kube-apiserver": clusterDocument(g, "apiServer: "+bad),
		"kube-scheduler": clusterDocument(g, more+"scheduler: "+bad),
		"kubelet":        clusterDocument(g, more) + "---\n" + kubeletDocument + "containerLogMaxSize: nonsense\n",
		"kube-proxy":     kubeletDocument + "maxPods: 60\n---\n" + proxyDocument + "iptables: {syncPeriod: 1s, minSyncPeriod: 5s}\n",
	} {
		put(m, "/root/bad.yaml", file)
		m.fails("podsec-k8s config apply /root/bad.yaml", exitFault, part+" does not run with the new settings; it has the previous ones again", "the last error of u7s-"+part)
		m.says("podsec-k8s config diff", "the node has the settings")
		m.says("ps axww -o args", "--max-requests-inflight=500")
	}
}

// configCut: a run that was killed is undone by the next one.
func configCut(m *machine, g generation.Generation) {
	for part, file := range map[string]string{
		"kube-apiserver": clusterDocument(g, "apiServer: {extraArgs: "+extraArgs(g, "no-such-flag", "1")+"}"),
		"kube-proxy":     proxyDocument + "iptables: {syncPeriod: 1s, minSyncPeriod: 5s}\n",
	} {
		put(m, "/root/bad.yaml", file)
		before := "/var/lib/u7s-admin/state/" + part + ".before.yaml"
		m.run("test ! -e " + before)
		m.run("systemd-run -q --unit=set podsec-k8s config apply /root/bad.yaml && until [ -e " + before + " ]; do sleep 0.02; done && " +
			"systemctl kill -s KILL podsec-k8s-run.scope && systemctl kill -s KILL set; while systemctl -q is-active set podsec-k8s-run.scope; do sleep 0.1; done && test -e " + before)
		m.run("systemctl reset-failed set; true")
		m.says("podsec-k8s config apply && podsec-k8s config diff", "the node has the settings")
		m.run("test ! -e " + before)
	}
}

// configRemoved: null takes a setting away.
func configRemoved(m *machine) {
	put(m, "/root/null.yaml", kubeletDocument+"maxPods: null\n---\n"+proxyDocument+"iptables: {minSyncPeriod: null}\n")
	m.says("podsec-k8s config apply /root/null.yaml", "- kubelet maxPods: 50\n", "- kube-proxy iptables.minSyncPeriod: 2s\n")
	m.eventually(time.Minute, "podsec-k8s kubectl get node t-config -o jsonpath='{.status.capacity.pods}' | grep -x 110")
}

// configProxy: what the site's files set is no difference from the cluster.
func configProxy(m *machine) {
	m.run("echo HTTPS_PROXY=http://192.0.2.9:3128 > /etc/podsec-k8s/50-proxy.conf")
	m.says("podsec-k8s config diff", "the node has the settings")
	m.run("rm /etc/podsec-k8s/50-proxy.conf")
}

// configRegistry: a mirror, its authority and its login that the site has set up after
// the node was made are used once the node was restarted, as docs/configuration.md says.
func configRegistry(m, w *machine, g generation.Generation) {
	installRegistry(w)
	startRegistry(w, g, "5443", "-listen :5443 -tls registry.tls -ca /srv/ca.crt -login admin:secret", "--dest-creds=admin:secret ")
	pull := "podsec-k8s crictl pull registry.corp.example/pause:" + g.Pause
	m.run("! " + pull)
	m.run(fmt.Sprintf("echo '%s registry.tls' >> /etc/hosts", w.Address))
	m.run("printf '[[registry]]\nprefix = \"registry.corp.example\"\nlocation = \"registry.tls:5443\"\n' > /etc/containers/registries.conf.d/corp.conf")
	m.run("mkdir -p /etc/containers/certs.d/registry.tls:5443 && cat > /etc/containers/certs.d/registry.tls:5443/ca.crt <<'C'\n" + w.run("cat /srv/ca.crt") + "C")
	m.run("echo IMAGE_AUTH_FILE=/etc/podsec-k8s/auth.json > /etc/podsec-k8s/95-registry.conf && echo '{\"auths\":{\"registry.tls:5443\":{\"auth\":\"'$(printf admin:secret | base64)'\"}}}' > /etc/podsec-k8s/auth.json")
	m.run("chgrp u7s-admin /etc/podsec-k8s/auth.json && chmod 0640 /etc/podsec-k8s/auth.json")
	m.run("systemctl stop kubelet; systemctl start kubelet")
	m.eventually(readyTime, "podsec-k8s status")
	m.run(pull)
}
