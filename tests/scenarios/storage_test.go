package scenarios

import (
	"strings"
	"time"
)

// ephemeralStorage: a pod that asks for ephemeral-storage is given it, and one that
// writes more than it may, in its container or in an emptyDir, is evicted. On a machine
// without cgroup controllers, newer versions of CRI-O have no figures of containers, of
// what they write neither.
func ephemeralStorage(m *machine) {
	m.run("podsec-k8s kubectl apply -f - <<'Y'\n" + storagePods + "\nY")
	m.run("podsec-k8s kubectl wait --timeout=60s --for=condition=Ready pod -l app=storage")
	fill := "podsec-k8s kubectl exec "
	m.run(fill + "storage-layer -- /web fill /file 12 && " + fill + "storage-volume -- /web fill /v/file 12 && " + fill + "storage-within -- /web fill /v/file 4")
	evicted := map[string]string{"volume": `exceeds the limit "8Mi"`, "layer": `storage limit|exceeds the total limit of containers`}
	if strings.TrimSpace(m.run("podsec-k8s crictl stats -o json | jq '.stats | length'")) == "0" {
		m.t.Log("what containers write can't be measured here: CRI-O has no figures of them")
		delete(evicted, "layer")
	}
	for name, words := range evicted {
		m.eventually(3*time.Minute, "podsec-k8s kubectl get pod storage-"+name+" -o jsonpath='{.status.reason} {.status.message}' | grep ^Evicted | grep -E '"+words+"'")
	}
	m.says("podsec-k8s kubectl get pod storage-within -o jsonpath='{.status.phase}'", "Running")
	m.run("podsec-k8s kubectl delete pod -l app=storage --grace-period=0 --force")
}

const storagePods = `apiVersion: v1
kind: Pod
metadata: {name: storage-layer, labels: {app: storage}}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, resources: {limits: {ephemeral-storage: 8Mi}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: storage-volume, labels: {app: storage}}
spec:
  tolerations: [{operator: Exists}]
  containers: [{name: web, image: "registry.local/web:1", imagePullPolicy: Never, volumeMounts: [{name: v, mountPath: /v}]}]
  volumes: [{name: v, emptyDir: {sizeLimit: 8Mi}}]
---
apiVersion: v1
kind: Pod
metadata: {name: storage-within, labels: {app: storage}}
spec:
  tolerations: [{operator: Exists}]
  containers:
  - name: web
    image: "registry.local/web:1"
    imagePullPolicy: Never
    resources: {requests: {ephemeral-storage: 8Mi}, limits: {ephemeral-storage: 8Mi}}
    volumeMounts: [{name: v, mountPath: /v}]
  volumes: [{name: v, emptyDir: {}}]`
