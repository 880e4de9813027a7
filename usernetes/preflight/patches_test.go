package preflight

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestCheckPatches(t *testing.T) {
	for _, c := range []struct{ name, file, data, word string }{
		{"resources", "kube-apiserver0+strategic.yaml", "spec: {containers: [{name: kube-apiserver, resources: {requests: {cpu: 1}}}]}", ""},
		{"environment", "etcd.json", `{"spec":{"containers":[{"name":"etcd","env":[{"name":"A","value":"b"}]}]}}`, ""},
		{"sidecar", "etcd+merge.yaml", "spec: {containers: [{name: etcd}, {name: backup, image: x}]}", "a container backup"},
		{"init container", "etcd.yaml", "spec: {initContainers: [{name: x}]}", "spec.initContainers"},
		{"other volume", "etcd.yaml", "spec: {volumes: [{name: x, emptyDir: {}}]}", `"x"`},
		{"json patch", "kube-scheduler+json.yaml", "[{op: add, path: /spec/containers/0/env/-, value: {name: A}}]", ""},
		{"json patch of a label", "kube-scheduler+json.yaml", "[{op: add, path: /metadata/labels/example.org~1a, value: b}, {op: remove, path: /spec/hostAliases}]", ""},
		{"json patch with a sidecar", "kube-scheduler+json.json", `[{"op":"add","path":"/spec/containers/-","value":{"name":"x"}}]`, "a container x"},
		{"json patch of a user", "kube-scheduler+json.json", `[{"op":"add","path":"/spec/securityContext/runAsUser","value":1000}]`, "runAsUser"},
		{"no YAML", "etcd.yaml", "{", "YAML"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := patchTarget(c.file)
			if target == "" {
				t.Fatal("it is for nothing")
			}
			err := checkPatches(Facts{Patches: []patchFile{{c.file, target, []byte(c.data)}}}, node.Node{Name: "M1", IP: netip.MustParseAddr("192.0.2.10")})
			if c.word == "" && err != nil || c.word != "" && (err == nil || !strings.Contains(err.Error(), c.word)) {
				t.Errorf("got %v, want %q", err, c.word)
			}
		})
	}
	if patchTarget("kubeletconfiguration.yaml") != "" || patchTarget("etcd.txt") != "" {
		t.Error("a file that is no patch of a component")
	}
}

func TestCheckPatchesEnvironment(t *testing.T) {
	config := func(env any) kubeadm.Config {
		return kubeadm.Config{kubeadm.KindCluster: {"apiServer": document.Document{"extraEnvs": []any{env}}}}
	}
	if err := checkPatches(Facts{Config: config(document.Document{"name": "A", "value": "b"})}, node.Node{Name: "M1", IP: netip.MustParseAddr("192.0.2.10")}); err != nil {
		t.Error(err)
	}
	secret := document.Document{"name": "A", "valueFrom": document.Document{"secretKeyRef": document.Document{"name": "x"}}}
	if err := checkPatches(Facts{Config: config(secret)}, node.Node{Name: "M1", IP: netip.MustParseAddr("192.0.2.10")}); err == nil || !strings.Contains(err.Error(), "apiServer.extraEnvs") {
		t.Errorf("got %v", err)
	}
}
