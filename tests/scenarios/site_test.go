package scenarios

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// siteRefusals are settings of a site that no node can be made with.
func siteRefusals() []refusal {
	const file = "/etc/podsec-k8s/99.conf"
	refused := func(name, setting string, status int, words ...string) refusal {
		return refusal{name, "printf '" + setting + "\\n' > " + file, create, status, words, "rm " + file}
	}
	return []refusal{
		refused("proxy on this machine", "HTTPS_PROXY=http://127.0.0.1:3128", exitPreflight, "[proxy]", "loopback", "another machine"),
		refused("proxy by a name of this machine", "HTTP_PROXY=http://t-refuse:3128", exitPreflight, "[proxy]", "loopback"),
		refused("proxy that is no URL", "HTTP_PROXY=squid:hush@proxy", exitFault, "99.conf:1", "http://proxy.example:3128", "remedy"),
		refused("proxy whose host is no name", "HTTP_PROXY=http://$PROXY:3128", exitFault, "99.conf:1", "remedy"),
		refused("proxy that nothing reads", "ALL_PROXY=http://192.0.2.1:3128", exitFault, "HTTP_PROXY and HTTPS_PROXY"),
		refused("more ids than there are", "SUBORDINATE_IDS=131072", exitPreflight, "[subordinate-ids]", "needs 131072", "host apply"),
		refused("too few ids", "SUBORDINATE_IDS=1000", exitFault, "99.conf:1", "from 65536", "remedy"),
		{"settings that only root can read", "echo MTU=1500 > " + file + " && chmod 600 " + file, create, exitFault, []string{"chgrp u7s-admin " + file, "chmod 0640"}, "rm " + file},
	}
}

// keyLimits are files in place of the kernel's limits of keys, which a test
// node can't write.
const keyLimits = `mkdir /run/keys && for f in maxkeys maxbytes; do
	cat /proc/sys/kernel/keys/$f > /run/keys/$f && mount --bind /run/keys/$f /proc/sys/kernel/keys/$f || exit 1
done; cat /proc/key-users > /run/keys/users`

// limitsRaised: the package raises what counts per user, and status tells when
// a limit is nearly reached.
func limitsRaised(m *machine) {
	m.says("cat /proc/sys/kernel/keys/maxkeys /proc/sys/kernel/keys/maxbytes", "5000500000")
	m.says("podsec-k8s host status", "set kernel.keys.maxkeys = 5000")
	m.says("systemctl show user-$(id -u u7s-admin).slice -p TasksMax", "TasksMax=infinity")
	m.says("systemctl show user@$(id -u u7s-admin) -p LimitNPROC -p LimitSIGPENDING -p LimitMEMLOCK -p LimitMSGQUEUE -p LimitNOFILE",
		"LimitNPROC=infinity", "LimitSIGPENDING=infinity", "LimitMEMLOCK=infinity", "LimitMSGQUEUE=infinity", "LimitNOFILE=1048576")
	// What the machine of a test node can't raise is a warning.
	m.says("podsec-k8s status", "WARNING: a node with many pods needs higher kernel limits", "fs.inotify.max_user_instances 128 of 8192", "sysctl --system")
	if out := m.run("podsec-k8s status"); strings.Contains(out, "kernel.keys") {
		m.t.Errorf("limits of keys are told of, and are raised:\n%s", out)
	}
	m.run("echo $(id -u u7s-admin): 4500 4500/4500 4500/5000 1/500000 > /run/keys/users && mount --bind /run/keys/users /proc/key-users")
	m.fails("podsec-k8s status", exitFault, "FAULT: the limit kernel.keys.maxkeys is nearly reached: u7s-admin uses 4500 of 5000", "remedy")
	m.run("umount /proc/key-users")
}

// limitsRestored: erasing the package gives the kernel's limits back.
func limitsRestored(m *machine) {
	m.t.Helper()
	m.says("cat /proc/sys/kernel/keys/maxkeys /proc/sys/kernel/keys/maxbytes", "20020000")
}

// bigPods ask for ids that a node does not have by itself.
const bigPods = `apiVersion: v1
kind: Pod
metadata: {name: big-user}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, securityContext: {runAsUser: 70000, runAsGroup: 70000}}]
---
apiVersion: v1
kind: Pod
metadata: {name: big-image}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/big:1", imagePullPolicy: Never}]`

// bigImage makes of the archive of the image web one that runs as a user whom
// a node does not have by itself, and one with a file of that user.
const bigImage = `import tarfile, io, json, hashlib
source = tarfile.open('/srv/images/web.tar')
layer, config = source.extractfile('layer.tar').read(), json.load(source.extractfile('config.json'))
def add(archive, name, data, owner=0):
    entry = tarfile.TarInfo(name)
    entry.size, entry.uid, entry.gid = len(data), owner, owner
    archive.addfile(entry, io.BytesIO(data))
def image(name, layer):
    config['rootfs']['diff_ids'] = ['sha256:' + hashlib.sha256(layer).hexdigest()]
    with tarfile.open('/root/' + name + '.tar', 'w') as archive:
        add(archive, 'manifest.json', json.dumps([{'Config': 'config.json', 'RepoTags': ['registry.local/' + name + ':1'], 'Layers': ['layer.tar']}]).encode())
        add(archive, 'config.json', json.dumps(config).encode())
        add(archive, 'layer.tar', layer)
config['config']['User'] = '70000'
image('big', layer)
more = io.BytesIO()
with tarfile.open(fileobj=more, mode='w') as archive:
    add(archive, 'big', b'x', 70000)
image('bigger', more.getvalue())`

// siteSettings: a proxy and more ids are settings of a site, and one restart of
// the node is all that a change takes. What a pod lacks is told of.
func siteSettings(m *machine, g generation.Generation) {
	proxy := startProxy(m, g, 3128)
	lacksIDs(m)
	m.run("printf 'HTTP_PROXY=" + strings.ReplaceAll(proxy.Setting(), "%", "%%") + "\\nHTTPS_PROXY=" + strings.ReplaceAll(proxy.Setting(), "%", "%%") + "\\nNO_PROXY=.example.org\\n' > /etc/podsec-k8s/50-proxy.conf && " +
		"chgrp u7s-admin /etc/podsec-k8s/50-proxy.conf && chmod 0640 /etc/podsec-k8s/50-proxy.conf")
	m.run("echo SUBORDINATE_IDS=131072 > /etc/podsec-k8s/51-ids.conf")
	m.run("mkdir -p /etc/systemd/user/u7s-crio.service.d && printf '[Service]\\nEnvironment=GOGC=77 KUBECONFIG=/nowhere\\n' > /etc/systemd/user/u7s-crio.service.d/site.conf && " + userctl + "daemon-reload")
	m.says("podsec-k8s host apply 2>&1", "systemctl stop kubelet; systemctl start kubelet", "subordinate ids to u7s-admin: 65536, uid ")
	m.run("systemctl stop kubelet; systemctl start kubelet")
	for _, name := range []string{"crio", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "flanneld"} {
		m.eventually(time.Minute, userctl+"is-active u7s-"+name)
	}
	m.eventually(time.Minute, "podsec-k8s kubectl wait --timeout=5s --for=condition=Ready node/"+m.Name)

	hasIDs(m)
	proxyArrives(m, proxy)
	proxyIsUsed(m, proxy)
	m.run("rm -r /etc/podsec-k8s/5* /etc/systemd/user/u7s-crio.service.d /etc/containers/registries.conf.d/proxy.conf && " + userctl + "daemon-reload")
}

func startProxy(m *machine, g generation.Generation, port int) node.Proxy {
	m.t.Helper()
	proxy, err := node.StartProxy(m.t.Context(), g, port)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := proxy.Stop(context.Background()); err != nil {
			m.t.Error(err)
		}
	})
	return proxy
}

// lacksIDs: pods that ask for more ids than the node has are told of in plain
// words, and so is an archive.
func lacksIDs(m *machine) {
	m.run("cat > /root/big.py <<'P'\n" + bigImage + "\nP\npython3 /root/big.py && podsec-k8s image load /root/big.tar")
	m.fails("podsec-k8s image load /root/bigger.tar", exitFault, "requested 70000:70000", "SUBORDINATE_IDS=131072")
	m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + bigPods + "\nY")
	for pod, asked := range map[string]string{"big-user": "container web, runAsUser 70000", "big-image": "container web, image ("} {
		m.eventually(time.Minute, "podsec-k8s kubectl get events --field-selector reason=NotEnoughIDs,involvedObject.name="+pod+" -o jsonpath='{.items[*].message}' | "+
			"grep -F 'ids 0 to 65536; these are requested and missing: "+asked+"' | grep 'SUBORDINATE_IDS=131072 or more'")
		m.fails("podsec-k8s status", exitFault, "FAULT: Pod default/"+pod+": node "+m.Name+" has the user and group ids 0 to 65536", "remedy: on this node, set SUBORDINATE_IDS=131072")
	}
}

// hasIDs: with more ids the same pods run, and those in use keep their place.
func hasIDs(m *machine) {
	first := m.FirstSubID()
	m.says("tr -s ' ' < /proc/$(pgrep -ox crio)/uid_map", fmt.Sprintf(" 1 %d 65536\n 65537 %d 65536\n", first, first+65536))
	m.says("cat /etc/subuid /etc/subgid", fmt.Sprintf("u7s-admin:%d:65536\nu7s-admin:%d:65536\n", first, first+65536))
	m.run("podsec-k8s kubectl wait --timeout=120s --for=condition=Ready pod/big-user pod/big-image")
	m.says("podsec-k8s image load /root/bigger.tar", "Loaded registry.local/bigger:1")
	m.eventually(time.Minute, "podsec-k8s status > /dev/null")
	m.run("podsec-k8s kubectl delete --now pod big-user big-image")
}

// proxyArrives: each program that calls out has the proxy, with the cluster's
// exceptions behind the administrator's, and nobody else sees the password.
func proxyArrives(m *machine, proxy node.Proxy) {
	exceptions := []string{
		"NO_PROXY=.example.org,localhost,127.0.0.0/8,::1," + m.Address.String() + "," + m.Name + ",10.77.0.0/24,",
		"10.244.0.0/16", "10.96.0.0/16", "10.41.0.0/24", ".svc,.cluster.local",
	}
	environment := func(command string) {
		m.t.Helper()
		m.says(command, append(exceptions, "HTTP_PROXY="+proxy.Setting(), "https_proxy="+proxy.Setting(), "no_proxy=.example.org,")...)
	}
	for _, name := range []string{"crio", "kubelet", "kube-apiserver", "kube-controller", "kube-scheduler", "kube-proxy", "flanneld"} {
		environment("tr '\\0' '\\n' < /proc/$(pgrep -ox " + name + ")/environ")
	}
	environment("podsec-k8s exec env")
	m.says("tr '\\0' '\\n' < /proc/$(pgrep -ox crio)/environ", "GOGC=77", "KUBECONFIG=/etc/kubernetes/")
	if out := m.run("tr '\\0' '\\n' < /proc/$(pgrep -ox etcd)/environ"); strings.Contains(strings.ToLower(out), "_proxy") {
		m.t.Errorf("etcd has a proxy:\n%s", out)
	}
	secret := strings.SplitN(proxy.User, ":", 2)[1]
	m.says("journalctl --no-pager -b | grep -cF '"+secret+"' || true", "0\n")
	m.says("cat /proc/[0-9]*/cmdline | grep -ac '"+strings.Replace(secret, "h", "[h]", 1)+"' || true", "0\n")
	if out, _ := m.try("podsec-k8s status; podsec-k8s status -o json; podsec-k8s host status; podsec-k8s kubectl get pods -A -o yaml; podsec-k8s kubectl get configmaps -A -o yaml"); strings.Contains(out, secret) {
		m.t.Errorf("the password is shown:\n%s", out)
	}
}

// proxyIsUsed: an image that only the proxy can get is pulled, and what is the
// cluster's goes past it.
func proxyIsUsed(m *machine, proxy node.Proxy) {
	m.run("mkdir -p /etc/containers/registries.conf.d && printf '[[registry]]\\nlocation=\"" + proxy.Registry + "\"\\ninsecure=true\\n' > /etc/containers/registries.conf.d/proxy.conf")
	m.run("podsec-k8s exec sh -c 'mkdir -p /etc/containers/registries.conf.d && cat > /etc/containers/registries.conf.d/proxy.conf' < /etc/containers/registries.conf.d/proxy.conf; " + userctl + "reload-or-restart u7s-crio")
	m.run("podsec-k8s crictl pull " + proxy.Registry + "/web:1")
	m.eventually(comeBack, "podsec-k8s kubectl logs web > /dev/null && podsec-k8s kubectl exec web -- /web get http://front/ > /dev/null")
	onlyTheRegistry(m, proxy)
}

// versions is where kubeadm asks for the newest Kubernetes, when a command of
// its own has no configuration that names one.
const versions = "dl.k8s.io:443"

// onlyTheRegistry: nothing that is the cluster's has reached the proxy.
func onlyTheRegistry(m *machine, proxy node.Proxy) {
	m.t.Helper()
	requests, err := proxy.Requests(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	if !strings.Contains(requests, "GET "+proxy.Registry+"/v2/web/manifests/1") {
		m.t.Errorf("no pull has reached the proxy:\n%s", requests)
	}
	for line := range strings.Lines(requests) {
		if _, to, _ := strings.Cut(strings.TrimSpace(line), " "); !strings.HasPrefix(to, proxy.Registry) && to != versions {
			m.t.Errorf("the proxy was asked for %s", line)
		}
	}
}

// behindProxy gives machines a proxy before there is a cluster.
func behindProxy(t *testing.T, g generation.Generation, nodes ...*node.Node) node.Proxy {
	t.Helper()
	var proxy node.Proxy
	for i, n := range nodes {
		m := &machine{n, t, new(bool)}
		if i == 0 {
			proxy = startProxy(m, g, 3129)
		}
		m.run("printf 'HTTP_PROXY=%s\\nHTTPS_PROXY=%s\\n' '" + proxy.Setting() + "' '" + proxy.Setting() + "' > /etc/podsec-k8s/50-proxy.conf && chgrp u7s-admin /etc/podsec-k8s/50-proxy.conf && chmod 0640 /etc/podsec-k8s/50-proxy.conf")
		m.run("mkdir -p /etc/containers/registries.conf.d && printf '[[registry]]\\nlocation=\"" + proxy.Registry + "\"\\ninsecure=true\\n' > /etc/containers/registries.conf.d/proxy.conf")
	}
	return proxy
}
