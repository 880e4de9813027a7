package scenarios

import (
	"strconv"
	"strings"
	"time"
)

// seccompByDefault: a container that asks for no seccomp profile has
// RuntimeDefault, one that asks for none at all has none, as on every node. A
// part of the control plane's stand-ins and CoreDNS run with it as well.
func seccompByDefault(m *machine) {
	m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + seccompPods + "\nY")
	m.run("podsec-k8s kubectl wait --timeout=120s --for=condition=Ready pod/profile-none pod/profile-unconfined")
	inspect := func(pod, fields string) string {
		return strings.TrimSpace(m.run("podsec-k8s crictl inspect -o go-template --template '" + fields + "' $(podsec-k8s crictl ps -q --label io.kubernetes.pod.name=" + pod + ")"))
	}
	filters := func(pod string) int {
		count, err := strconv.Atoi(strings.TrimSpace(m.run("podsec-k8s exec sed -n 's/^Seccomp_filters:\t//p' /proc/" + inspect(pod, "{{.info.pid}}") + "/status")))
		if err != nil {
			m.t.Fatal(err)
		}
		return count
	}
	if out := inspect("profile-none", "{{.info.runtimeSpec.linux.seccomp.defaultAction}}"); !strings.HasPrefix(out, "SCMP_ACT_ERRNO") {
		m.t.Errorf("a container that asks for no profile has %q", out)
	}
	if out := inspect("profile-unconfined", "{{.info.runtimeSpec.linux}}"); !strings.HasPrefix(out, "map[") || strings.Contains(out, "seccomp:") {
		m.t.Errorf("a container that asks for no confinement has %q", out)
	}
	if with, without := filters("profile-none"), filters("profile-unconfined"); with != without+1 {
		m.t.Errorf("a container has %d filters, one without confinement %d", with, without)
	}
	m.run("podsec-k8s kubectl delete pod profile-none profile-unconfined --grace-period=0 --force")
}

const seccompPods = `apiVersion: v1
kind: Pod
metadata: {name: profile-none}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never}]
---
apiVersion: v1
kind: Pod
metadata: {name: profile-unconfined}
spec:
  tolerations: [{operator: Exists}]
  securityContext: {seccompProfile: {type: Unconfined}}
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never}]`

// nodeRights: a certificate of the group system:nodes that is no node's may
// write no Node, and a node's none but its own.
func nodeRights(m *machine) {
	m.run(strangerOfNodes)
	m.run("podsec-k8s kubectl certificate approve stranger")
	m.eventually(time.Minute, "podsec-k8s kubectl get csr stranger -o jsonpath='{.status.certificate}' | base64 -d | tee /root/stranger.crt | grep CERTIFICATE")
	m.run("podsec-k8s kubectl apply -f - <<'Y'\napiVersion: v1\nkind: Node\nmetadata: {name: other}\nY")
	stranger := "curl --cert /root/stranger.crt --key /root/stranger.key --cacert /var/lib/u7s-admin/state/root/etc/kubernetes/pki/ca.crt"
	own := "podsec-k8s exec curl --cert /var/lib/kubelet/pki/kubelet-client-current.pem --cacert /etc/kubernetes/pki/ca.crt"
	for _, c := range []struct{ who, path, words string }{
		{stranger, m.Name + "/status", `User \"stranger\" cannot patch resource \"nodes/status\"`},
		{stranger, "other/status", `User \"stranger\" cannot patch resource \"nodes/status\"`},
		{stranger, m.Name, `User \"stranger\" cannot patch resource \"nodes\"`},
		{own, "other/status", `node \"` + m.Name + `\" is not allowed to modify node \"other\"`},
		{own, "other", `node \"` + m.Name + `\" is not allowed to modify node \"other\"`},
		{own, m.Name + "/status", `"forged": "yes"`},
	} {
		m.says(c.who+` -sS -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"metadata":{"annotations":{"forged":"yes"}}}' https://`+m.Address.String()+":6443/api/v1/nodes/"+c.path, c.words)
	}
	m.run("podsec-k8s kubectl delete csr/stranger node/other && podsec-k8s kubectl annotate node " + m.Name + " forged- && rm /root/stranger.*")
	oldRightsGo(m)
}

// strangerOfNodes asks for a certificate of the group system:nodes.
const strangerOfNodes = `openssl req -new -newkey rsa:2048 -nodes -keyout /root/stranger.key -subj /O=system:nodes/CN=stranger -out /root/stranger.csr 2>/dev/null &&
podsec-k8s kubectl apply -f - <<Y
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: stranger}
spec:
  request: $(base64 -w0 /root/stranger.csr)
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
Y`

// oldRightsGo: what earlier versions gave every node goes when a master's node
// starts again, and the pod network needs none of it.
func oldRightsGo(m *machine) {
	m.run("podsec-k8s kubectl create clusterrole podsec-k8s:flannel --verb=patch --resource=nodes/status && podsec-k8s kubectl create clusterrolebinding podsec-k8s:flannel --clusterrole=podsec-k8s:flannel --group=system:nodes")
	m.run(userctl + "restart u7s-ports u7s-flanneld")
	m.eventually(time.Minute, "! podsec-k8s kubectl get clusterrolebinding podsec-k8s:flannel && ! podsec-k8s kubectl get clusterrole podsec-k8s:flannel")
	m.eventually(time.Minute, userctl+"is-active u7s-flanneld && podsec-k8s status")
}

// ownServices: what the machine itself serves on all of its addresses a pod
// reaches under the machine's own address, for the network's stack is a program
// of u7s-admin; not by the loopback address. The rule that the manual has for
// nftables keeps pods from it, and nothing else.
func ownServices(m *machine) {
	m.says("systemd-analyze security --no-pager --threshold=20 kubelet.service > /dev/null && echo safe", "safe")
	second := secondAddress(m)
	serveOwn(m, second)
	ask := "podsec-k8s kubectl exec web -- /web get http://" + second + ":8099/"
	m.says(ask, "asked by "+second+"\n")
	m.fails("podsec-k8s kubectl exec web -- /web get http://10.41.0.2:8099/", 1) // the machine's loopback address
	m.run("python3 -c 'import lzma; print(lzma.open(\"/usr/share/man/man8/podsec-k8s.8.xz\", \"rt\").read())' | sed -n '/^table inet podsec_site/,/^}/p' | sed 's/NODE_IP/" + m.Address.String() + "/; s/[\\]//g' > /root/site.nft && test -s /root/site.nft && nft -f /root/site.nft")
	if out, status := m.try(ask); status == 0 {
		m.t.Errorf("a pod asks the machine all the same: %s", out)
	}
	m.run("curl -sS -m 5 http://" + second + ":8099/ && podsec-k8s kubectl exec web -- /web get http://front/ && podsec-k8s kubectl logs web && podsec-k8s kubectl exec web -- /web dns kubernetes.default")
	m.eventually(time.Minute, "podsec-k8s status")
	m.run("nft delete table inet podsec_site && rm /root/site.nft && systemctl stop own && ip address delete " + second + "/32 dev host0")
}
