package scenarios

import (
	"strings"
	"time"
)

// kubectlAsEverywhere: kubectl of a master is root's own, outside of the
// namespaces: files, pipes, ports, terminals and plugins are the caller's.
func kubectlAsEverywhere(m *machine) {
	const k = "podsec-k8s kubectl "
	m.run("mkdir -p -m 700 /root/apps && printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: of-a-file}\\ndata: {a: b}\\n' > /root/apps/app.yaml && chmod 600 /root/apps/app.yaml")
	m.says("cd /root/apps && "+k+"apply -f app.yaml", "configmap/of-a-file created")
	m.says(k+"apply -f /root/apps/app.yaml", "unchanged")
	m.says(k+"apply -f - < /root/apps/app.yaml", "unchanged")
	m.says("mkdir /root/apps/base && cp /root/apps/app.yaml /root/apps/base/ && printf 'resources: [app.yaml]\\nnamePrefix: made-\\n' > /root/apps/base/kustomization.yaml && cd /root/apps && "+k+"apply -k base", "made-of-a-file created")
	m.says("cd /root/apps && EDITOR='sed -i s/a:.b/a:\\ c/' "+k+"edit configmap of-a-file", "edited")
	m.says(k+"get configmap of-a-file -o 'jsonpath={.data.a}'", "c")

	m.run(k + "apply -f - <<'Y'\n" + toolsPod + "\nY")
	m.run(k + "wait --timeout=120s --for=condition=Ready pod/tools")
	m.run("head -c 100000 /dev/urandom > /root/apps/data && cd /root/apps && " + k + "cp data tools:/tmp/data && " + k + "cp tools:/tmp/data back && cmp data back")
	m.says("script -qec '"+k+"exec -it tools -- sh -c \"tty; sleep 1\"' /dev/null", "/dev/pts/") // what a program says last may get lost, as everywhere
	m.says("echo of the caller | "+k+"exec -i tools -- cat", "of the caller")
	m.fails(k+"exec tools -- sh -c 'exit 7'", 7)

	m.run(background + k + "port-forward pod/web 18080:8080")
	m.eventually(time.Minute, "curl -sf http://127.0.0.1:18080/")
	m.run(background + k + "proxy --port=18001")
	m.eventually(time.Minute, "curl -sf http://127.0.0.1:18001/version | grep gitVersion")
	m.run("pkill -x kubectl")

	m.run("printf '#!/bin/sh\\necho plugin of $(id -u) in $(pwd) by $KUBECONFIG\\n' > /usr/local/bin/kubectl-where && chmod 755 /usr/local/bin/kubectl-where")
	m.says("cd /root/apps && "+k+"where", "plugin of 0 in /root/apps by /run/podsec-k8s/kubectl.conf")
	m.says("stat -c '%a %U %T' /run/podsec-k8s/kubectl.conf; stat -f -c %T /run/podsec-k8s/kubectl.conf", "600 root", "tmpfs")

	m.says("HTTPS_PROXY=http://192.0.2.1:3128 https_proxy=http://192.0.2.1:3128 NO_PROXY=example.com "+k+"get nodes", " Ready")
	m.says("HTTPS_PROXY=http://192.0.2.1:3128 no_proxy=example.com "+k+"get nodes", " Ready")
	m.says("KUBECONFIG=/nowhere "+k+"get nodes", " Ready")
	m.fails(k+"--kubeconfig /nowhere get nodes", 1, "/nowhere")
	m.says("cp /root/.kube/config /root/apps/own && "+k+"--kubeconfig=/root/apps/own get nodes", " Ready")
	m.fails(k+"get nothing-like-it", 1)
	m.run(k + "config set-context --current --namespace=kube-system")
	m.says(k+"get pods", "coredns")
	m.run(k + "config set-context --current --namespace=default && " + k + "delete pod tools && rm -r /root/apps /usr/local/bin/kubectl-where")
}

// kubectlOfNoNode: where no cluster can be asked kubectl says so at once, and what
// to do.
func kubectlOfNoNode(m *machine) {
	m.within(5*time.Second, func() {
		m.fails("podsec-k8s kubectl get nodes", exitFault, "no node on this machine", "remedy", "podsec-k8s-create-master")
	})
	m.says("podsec-k8s kubectl --kubeconfig=/dev/null version --client -o yaml", "gitVersion")
}

// kubectlOfStopped: the same for a node that is stopped.
func kubectlOfStopped(m *machine) {
	m.within(5*time.Second, func() {
		m.fails("podsec-k8s kubectl get nodes", exitFault, "the node is stopped", "systemctl start kubelet")
	})
}

// kubectlOfWorker: a worker has the identity of its node, and says so, aside.
func kubectlOfWorker(worker *machine) {
	worker.says("podsec-k8s kubectl get nodes", "acts as its node, system:node:"+worker.Name, " Ready")
	if out := worker.run("podsec-k8s kubectl get nodes -o name 2> /dev/null"); !strings.HasPrefix(out, "node/") || strings.Contains(out, "worker:") {
		worker.t.Errorf("the answer has more than an answer: %s", out)
	}
}

// toolsPod has the programs of its machine: kubectl cp needs a tar.
const toolsPod = `apiVersion: v1
kind: Pod
metadata: {name: tools}
spec:
  terminationGracePeriodSeconds: 0
  tolerations: [{operator: Exists}]
  containers:
  - name: tools
    image: registry.local/web:1
    imagePullPolicy: Never
    env: [{name: PATH, value: /usr/bin}]
    volumeMounts:
    - {name: usr, mountPath: /usr, readOnly: true}
    - {name: usr, mountPath: /bin, subPath: bin, readOnly: true}
    - {name: usr, mountPath: /lib, subPath: lib, readOnly: true}
    - {name: usr, mountPath: /lib64, subPath: lib64, readOnly: true}
    - {name: tmp, mountPath: /tmp}
  volumes:
  - {name: usr, hostPath: {path: /usr}}
  - {name: tmp, emptyDir: {}}`
