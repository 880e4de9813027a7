package scenarios

import (
	"fmt"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// rootful makes an ordinary cluster on a bare node: kubeadm as root, the
// control plane in static pods, from the same programs. Its pod network is
// there before it begins, and kube-proxy is a service, which is quicker than
// kubeadm's DaemonSet.
func rootful(m *machine, g generation.Generation) (create string) {
	images, err := node.ControlPlaneImages(m.t.Context(), g)
	if err != nil {
		m.t.Fatal(err)
	}
	m.run("dnf -q -y install " + g.Prefix + "kubeadm " + g.Prefix + "kubelet " + g.Prefix + "client " + g.Prefix + "node " + g.Prefix + "common " + g.Prefix + "crio cri-o cri-tools cni-plugins")
	m.run(rootfulMachine)
	m.run("mkdir -p /etc/cni/net.d && cat > /etc/cni/net.d/10-bridge.conflist <<'C'\n" + rootfulNetwork + "\nC")
	m.run("cat > /etc/crio.conf <<'C'\n" + rootfulCRIO + fmt.Sprintf("[crio.image]\npause_image = \"registry.local/pause:%s\"\nC", g.Pause))
	m.run("cat > /usr/local/libexec/crun-rootful <<'C'\n" + rootfulRuntime + "\nC\nchmod 755 /usr/local/libexec/crun-rootful")
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"} {
		m.run(load(images+"/"+name+".tar", "registry.local/"+name))
	}
	for _, name := range []string{"pause", "coredns"} {
		m.run(load("/srv/images/"+name+".tar", "registry.local/"+name))
	}
	m.run("systemd-run -q --unit=crio -p Type=notify -p Delegate=yes crio --config /etc/crio.conf --config-dir ''")
	m.run("cat > /root/kubeadm.yaml <<'C'\n" + rootfulConfig(m, g) + "\nC\nsystemctl enable kubelet")
	return "kubeadm init --config /root/kubeadm.yaml --ignore-preflight-errors=all && export KUBECONFIG=/etc/kubernetes/admin.conf && " +
		"systemd-run -q --unit=kube-proxy kube-proxy --kubeconfig=$KUBECONFIG --cluster-cidr=10.244.0.0/16 --conntrack-max-per-core=0 --hostname-override=$(hostname) && " +
		"kubectl wait --timeout=240s --for=condition=Ready node --all && kubectl taint node --all node-role.kubernetes.io/control-plane- && " +
		"kubectl -n kube-system rollout status --timeout=240s deployment/coredns"
}

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

// rootfulMachine gives the node what systemd-nspawn lacks for a kubelet of
// root's: a kernel log, and sysctls with the values that it wants to set.
const rootfulMachine = `[ -e /dev/kmsg ] || ln -s /dev/null /dev/kmsg
mkdir -p /run/sysctls
bind() { echo $2 > /run/sysctls/${1##*/}; mount --bind /run/sysctls/${1##*/} /proc/sys/$1; }
bind vm/overcommit_memory 1; bind vm/panic_on_oom 0; bind kernel/panic 10; bind kernel/panic_on_oops 1
bind kernel/keys/root_maxkeys 1000000; bind kernel/keys/root_maxbytes 25000000
sysctl -qw net.ipv4.ip_forward=1`

const rootfulNetwork = `{"cniVersion": "1.0.0", "name": "bridge", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]]}},
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
