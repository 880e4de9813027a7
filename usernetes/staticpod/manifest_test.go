package staticpod

import (
	"reflect"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

const etcdManifest = `apiVersion: v1
kind: Pod
metadata:
  annotations: {kubeadm.kubernetes.io/etcd.advertise-client-urls: "https://192.0.2.10:2379"}
  labels: {component: etcd, tier: control-plane}
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command: [etcd, --name=m1, "--data-dir=/var/lib/etcd"]
    image: registry.example/etcd:3.5
    livenessProbe:
      httpGet: {host: 127.0.0.1, path: /health, port: 2381}
      initialDelaySeconds: 10
      periodSeconds: 10
      failureThreshold: 8
    name: etcd
    resources: {requests: {cpu: 100m}}
    startupProbe: {httpGet: {path: /health}}
    volumeMounts: [{mountPath: /var/lib/etcd, name: data}]
  hostNetwork: true
  volumes: [{hostPath: {path: /var/lib/etcd}, name: data}]
status: {}
`

func TestManifestCommand(t *testing.T) {
	m, err := ParseManifest("etcd", []byte(etcdManifest))
	if err != nil {
		t.Fatal(err)
	}
	argv, err := m.Command()
	if want := []string{"etcd", "--name=m1", "--data-dir=/var/lib/etcd"}; err != nil || !reflect.DeepEqual(argv, want) {
		t.Errorf("got %q, %v", argv, err)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"half written":    etcdManifest[:200],
		"nothing":         "",
		"two containers":  "spec: {containers: [{name: a}, {name: b}]}",
		"not a container": "spec: {containers: [a]}",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseManifest("etcd", []byte(text)); err == nil {
				t.Error("it was taken")
			}
		})
	}
}

// TestManifestProxies: the variables of a proxy are told, and no others.
func TestManifestProxies(t *testing.T) {
	m, err := ParseManifest("etcd", []byte("kind: Pod\nmetadata: {name: etcd}\nspec:\n  containers:\n  - {name: etcd, command: [etcd], env: [{name: A, value: b}, {name: no_proxy, value: x}, {name: HTTP_PROXY}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Proxies(); err != nil || !reflect.DeepEqual(got, []string{"no_proxy=x", "HTTP_PROXY="}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestStandIn(t *testing.T) {
	m, err := ParseManifest("etcd", []byte(etcdManifest))
	if err != nil {
		t.Fatal(err)
	}
	pod, err := standIn(m, "registry.example/pause:1")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := document.Parse([]byte(strings.NewReplacer("DIGEST", m.Digest, "UID", m.Digest[:32]).Replace(`apiVersion: v1
kind: Pod
metadata:
  annotations: {kubeadm.kubernetes.io/etcd.advertise-client-urls: "https://192.0.2.10:2379", podsec-k8s/manifest-sha256: DIGEST}
  labels: {component: etcd, tier: control-plane}
  name: etcd
  namespace: kube-system
  uid: UID
spec:
  containers:
  - image: registry.example/pause:1
    imagePullPolicy: IfNotPresent
    readinessProbe: {httpGet: {host: 127.0.0.1, path: /health, port: 2381}, periodSeconds: 5, failureThreshold: 2}
    name: etcd
    resources: {requests: {cpu: 100m}}
  hostNetwork: true
`)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(pod, docs[0]) {
		t.Errorf("got  %v\nwant %v", pod, docs[0])
	}
	if again, _ := ParseManifest("etcd", []byte(etcdManifest)); !reflect.DeepEqual(again.pod, m.pod) {
		t.Error("the manifest itself was changed")
	}
}

func TestNextMove(t *testing.T) {
	for _, c := range []struct {
		name, manifest, runningDigest string
		want                          action
	}{
		{"new manifest", "a", "", actionStart},
		{"changed manifest", "b", "a", actionRestart},
		{"same manifest", "a", "a", actionNone},
		{"manifest gone", "", "a", actionStop},
		{"never there", "", "", actionNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := nextAction(c.manifest, c.runningDigest); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(etcdManifest))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest("etcd", data)
		if err != nil {
			return
		}
		if _, err := m.Command(); err != nil {
			return
		}
		if _, err := standIn(m, "pause"); err != nil {
			t.Errorf("a manifest with a command has no stand-in: %v", err)
		}
	})
}
