package scenarios

import (
	"fmt"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// rootful makes an ordinary cluster on a bare node: kubeadm as root, the
// control plane in static pods, from the same programs. Pod network and
// kube-proxy are services as in ours, which is quicker than DaemonSets.
func rootful(m *machine, g generation.Generation) (create string) {
	rootfulMachine(m, g)
	images, err := node.ControlPlaneImages(m.t.Context(), g)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"} {
		m.run(load(images+"/"+name+".tar", "registry.local/"+name))
	}
	m.run(load("/srv/images/coredns.tar", "registry.local/coredns"))
	m.run("cat > /root/kubeadm.yaml <<'C'\n" + rootfulConfig(m, g) + "\nC")
	return "begun=$(date +%s%N); kubeadm init --config /root/kubeadm.yaml --ignore-preflight-errors=all && " +
		"echo kubeadm init took $((($(date +%s%N) - begun) / 1000000)) ms && export KUBECONFIG=/etc/kubernetes/admin.conf && " + rootfulServices() +
		" && kubectl wait --timeout=240s --for=condition=Ready node --all && kubectl taint node --all node-role.kubernetes.io/control-plane- && " +
		"kubectl -n kube-system rollout status --timeout=240s deployment/coredns"
}

// rootfulMachine prepares a node for kubeadm.
func rootfulMachine(m *machine, g generation.Generation) {
	m.run("dnf -q -y install " + g.Prefix + "kubeadm " + g.Prefix + "kubelet " + g.Prefix + "client " + g.Prefix + "node " + g.Prefix + "common " + g.Prefix + "crio cri-o cri-tools cni-plugins flannel")
	m.run("cat > /usr/local/libexec/rootful-kernel <<'C'\n" + rootfulKernel + "\nC\nchmod 755 /usr/local/libexec/rootful-kernel")
	m.run(service("rootful-kernel", "/usr/local/libexec/rootful-kernel", `Type=oneshot\nRemainAfterExit=yes`))
	m.run("cat > /etc/crio.conf <<'C'\n" + rootfulCRIO + fmt.Sprintf("[crio.image]\npause_image = \"registry.local/pause:%s\"\nC", g.Pause))
	m.run("cat > /usr/local/libexec/crun-rootful <<'C'\n" + rootfulRuntime + "\nC\nchmod 755 /usr/local/libexec/crun-rootful")
	m.run(load("/srv/images/pause.tar", "registry.local/pause"))
	m.run(service("crio", `/usr/bin/crio --config=/etc/crio.conf --config-dir=`, `Type=notify\nDelegate=yes\nTimeoutStopSec=10`) + " && systemctl enable kubelet")
}

// service is a command that makes a unit which comes back at boot. In exec
// and settings the shell expands what it can, and \n is a new line.
func service(name, exec, settings string) string {
	file := "/etc/systemd/system/" + name + ".service"
	return `printf "[Unit]\nAfter=rootful-kernel.service\nBefore=kubelet.service\nStartLimitIntervalSec=0\n[Service]\nExecStart=` + exec + `\n` + settings +
		`\n[Install]\nWantedBy=multi-user.target\n" > ` + file + " && systemctl enable -q --now " + name
}

// rootfulJoin joins a second node and lets flannel connect both.
func rootfulJoin(first, second *machine, g generation.Generation) (join string) {
	rootfulMachine(second, g)
	token, hash := rootfulTicket(first)
	second.run("cat > /root/kubeadm.yaml <<'C'\n" + fmt.Sprintf(rootfulJoinConfig, g.KubeadmAPI, first.Address, token, hash, g.NodeArgs) + "\nC")
	second.run("mkdir -p /root/.kube && cat > /root/.kube/config <<'C'\n" + first.run("cat /etc/kubernetes/admin.conf") + "\nC")
	return "kubeadm join --config /root/kubeadm.yaml --ignore-preflight-errors=all && export KUBECONFIG=/root/.kube/config && " + rootfulServices() +
		" && kubectl wait --timeout=240s --for=condition=Ready node/" + second.Name
}

func rootfulTicket(first *machine) (token, hash string) {
	fields := strings.Fields(first.run("kubeadm token create --print-join-command"))
	return fields[4], fields[6]
}

// rootfulServices starts kube-proxy and the pod network with the kubeconfig
// that the shell has, and makes the CNI configuration from flannel's subnet.
// flanneld says nothing to systemd when it is ready: at boot the kubelet comes
// after it, and brings the API server that flanneld needs.
func rootfulServices() string {
	proxy := service("kube-proxy", "/usr/bin/kube-proxy --kubeconfig=$KUBECONFIG --cluster-cidr=10.244.0.0/16 --conntrack-max-per-core=0 --hostname-override=$(hostname)",
		"Restart=always")
	flannel := service("flanneld", "/usr/sbin/flanneld --kube-subnet-mgr --kubeconfig-file=$KUBECONFIG --net-config-path=/root/net-conf.json --ip-masq --iface=host0",
		`Restart=always\nRestartSec=0.5\nEnvironment=NODE_NAME=$(hostname)`) // it ends until the node has its subnet
	return proxy + ` && echo '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan", "Port": 8472}}' > /root/net-conf.json && { ` + flannel +
		`; until [ -s /run/flannel/subnet.env ]; do sleep 0.1; done; } && . /run/flannel/subnet.env && mkdir -p /etc/cni/net.d && printf '` + rootfulNetwork + `' $FLANNEL_MTU ${FLANNEL_SUBNET%.1/24} > /etc/cni/net.d/10-bridge.conflist`
}

const rootfulJoinConfig = `apiVersion: %[1]s
kind: JoinConfiguration
discovery: {bootstrapToken: {apiServerEndpoint: "%[2]s:6443", token: %[3]s, caCertHashes: ["%[4]s"]}}
nodeRegistration:
  imagePullPolicy: Never
  criSocket: unix:///run/crio/crio.sock
  kubeletExtraArgs: %[5]s`

// load copies an image archive into the storage of a rootful CRI-O.
func load(archive, name string) string {
	return fmt.Sprintf(`ref=$(tar -xOf %s manifest.json | jq -r '.[0].RepoTags[0]'); case $ref in %s:*) ;; *) exit 1;; esac; `+
		`skopeo copy -q docker-archive:%s "containers-storage:[overlay@/var/lib/containers/storage+/run/containers/storage]$ref"`, archive, name, archive)
}

func rootfulConfig(m *machine, g generation.Generation) string {
	return fmt.Sprintf(`apiVersion: %[1]s
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: %[2]s}
nodeRegistration:
  imagePullPolicy: Never
  criSocket: unix:///run/crio/crio.sock
  kubeletExtraArgs: %[3]s
skipPhases: [addon/kube-proxy]
---
apiVersion: %[1]s
kind: ClusterConfiguration
kubernetesVersion: %[4]s
imageRepository: registry.local
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failSwapOn: false
localStorageCapacityIsolation: false
%[5]s`, g.KubeadmAPI, m.Address, g.NodeArgs, g.Kubernetes, strings.TrimSpace(g.Kubelet))
}

// rootfulKernel gives the node what systemd-nspawn lacks for a kubelet of
// root's: a kernel log, and sysctls with the values that it wants to set.
const rootfulKernel = `#!/bin/bash
[ -e /dev/kmsg ] || ln -s /dev/null /dev/kmsg
mkdir -p /run/sysctls
bind() { echo $2 > /run/sysctls/${1##*/}; mount --bind /run/sysctls/${1##*/} /proc/sys/$1; }
bind vm/overcommit_memory 1; bind vm/panic_on_oom 0; bind kernel/panic 10; bind kernel/panic_on_oops 1
bind kernel/keys/root_maxkeys 1000000; bind kernel/keys/root_maxbytes 25000000
sysctl -qw net.ipv4.ip_forward=1`

// rootfulNetwork is for printf: the MTU, and the first three numbers of the
// subnet.
const rootfulNetwork = `{"cniVersion": "1.0.0", "name": "bridge", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true, "mtu": %d,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "%s.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}`

const rootfulCRIO = `[crio]
root = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
storage_driver = "overlay"
[crio.api]
listen = "/run/crio/crio.sock"
[crio.runtime]
cgroup_manager = "cgroupfs"
conmon_cgroup = "pod"
default_runtime = "crun"
[crio.runtime.runtimes.crun]
runtime_path = "/usr/local/libexec/crun-rootful"
runtime_root = "/run/crun"
monitor_path = "/usr/bin/conmon"
[crio.network]
plugin_dirs = ["/usr/libexec/cni"]
`

// rootfulRuntime is crun without cgroups and without negative OOM scores,
// which this machine has no right to give.
const rootfulRuntime = `#!/bin/bash
args=("$@")
for i in "${!args[@]}"; do
  case ${args[$i]} in --bundle|-b) bundle=${args[$((i+1))]};; --bundle=*) bundle=${args[$i]#--bundle=};; esac
done
[ -n "$bundle" ] && [ -f "$bundle/config.json" ] && sed -i 's/"oomScoreAdj": *-[0-9]*/"oomScoreAdj":0/' "$bundle/config.json"
exec /usr/bin/crun --cgroup-manager=disabled "$@"`
