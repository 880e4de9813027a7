package staticpod

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const apiserverManifest = `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
  - command: [kube-apiserver, "--advertise-address=$(HOST_IP)", --audit-policy-file=/policies/audit.yaml, --price=$$5$(NONE)]
    env:
    - {name: HTTPS_PROXY, value: "http://proxy.example:3128"}
    - {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
    - {name: BOTH, value: "$(HOST_IP) $(NONE)"}
    - {name: EMPTY}
    workingDir: /srv
    image: registry.example/kube-apiserver:1
    name: kube-apiserver
    volumeMounts:
    - {mountPath: /etc/ssl/certs, name: ca-certs, readOnly: true}
    - {mountPath: /policies, name: policies, readOnly: true, subPath: audit}
    - {mountPath: /opt/data, name: data}
  hostNetwork: true
  priorityClassName: system-node-critical
  securityContext: {seccompProfile: {type: RuntimeDefault}}
  volumes:
  - {hostPath: {path: /etc/ssl/certs, type: DirectoryOrCreate}, name: ca-certs}
  - {hostPath: {path: /usr/local/etc/}, name: policies}
  - {hostPath: {path: /srv/data, type: Directory}, name: data}
`

func testNode() node.Node { return node.Node{Name: "M1", IP: netip.MustParseAddr("192.0.2.10")} }

func TestProcess(t *testing.T) {
	m, err := ParseManifest("kube-apiserver", []byte(apiserverManifest))
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.process(testNode())
	if err != nil {
		t.Fatal(err)
	}
	want := process{
		argv: []string{"kube-apiserver", "--advertise-address=192.0.2.10", "--audit-policy-file=/policies/audit.yaml", "--price=$5$(NONE)"},
		env:  []string{"HTTPS_PROXY=http://proxy.example:3128", "HOST_IP=192.0.2.10", "BOTH=192.0.2.10 $(NONE)", "EMPTY="},
		dir:  "/srv",
		mounts: []HostMount{
			{Volume: "ca-certs", source: "/etc/ssl/certs", Target: "/etc/ssl/certs", readOnly: true, Kind: PathFolderOrMake, kubeadms: true},
			{Volume: "data", source: "/srv/data", Target: "/opt/data", Kind: PathFolder},
			{Volume: "policies", source: "/usr/local/etc/audit", Target: "/policies", readOnly: true},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestKubeadmsVolumesNeedNoMount(t *testing.T) {
	m, err := ParseManifest("etcd", []byte(strings.ReplaceAll(strings.ReplaceAll(etcdManifest, "name: data", "name: etcd-data"),
		"hostPath: {path: /var/lib/etcd}", "hostPath: {path: /var/lib/etcd, type: DirectoryOrCreate}")))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := m.process(testNode()); err != nil || p.mounts != nil {
		t.Errorf("got %v, %v", p.mounts, err)
	}
}

// TestProcessRefuses: nothing that a service can't have is skipped.
func TestProcessRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, word string }{
		{"sidecar", "  hostNetwork: true\n", "  - {name: sidecar, image: x}\n  hostNetwork: true\n", "one container, not 2"},
		{"init container", "  hostNetwork: true\n", "  hostNetwork: true\n  initContainers: [{name: x}]\n", "spec.initContainers"},
		{"host aliases", "  hostNetwork: true\n", "  hostNetwork: true\n  hostAliases: [{ip: 192.0.2.1}]\n", "spec.hostAliases"},
		{"network of its own", "  hostNetwork: true\n", "", "hostNetwork"},
		{"volume of another kind", "hostPath: {path: /srv/data, type: Directory}", "emptyDir: {}", `"data"`},
		{"relative path", "path: /srv/data", "path: srv/data", `"data"`},
		{"path with ..", "path: /srv/data", "path: /srv/../data", `"data"`},
		{"unknown type", "type: Directory}, name: data", "type: Folder}, name: data", "Folder"},
		{"mount of the root", "mountPath: /opt/data", "mountPath: /", `"data"`},
		{"mount of no volume", "name: data}\n  hostNetwork", "name: nope}\n  hostNetwork", `"nope"`},
		{"subPath that leaves", "subPath: audit", "subPath: ../audit", "../audit"},
		{"propagation", "mountPath: /opt/data,", "mountPath: /opt/data, mountPropagation: Bidirectional,", "Bidirectional"},
		{"another user", "    workingDir", "    securityContext: {runAsUser: 1000}\n    workingDir", "runAsUser"},
		{"capabilities", "    workingDir", "    securityContext: {capabilities: {drop: [ALL]}}\n    workingDir", "capabilities"},
		{"profile of its own", "{type: RuntimeDefault}", "{type: Localhost, localhostProfile: x}", "seccompProfile"},
		{"object as environment", "    workingDir", "    envFrom: [{configMapRef: {name: x}}]\n    workingDir", "envFrom"},
		{"object as value", "fieldRef: {fieldPath: status.hostIP}", "secretKeyRef: {name: x, key: y}", "HOST_IP"},
		{"field that is not known", "fieldPath: status.hostIP", "fieldPath: metadata.labels", "HOST_IP"},
		{"hook", "    workingDir", "    lifecycle: {preStop: {exec: {command: [x]}}}\n    workingDir", "lifecycle"},
		{"probe by a program", "    workingDir", "    livenessProbe: {exec: {command: [x]}}\n    workingDir", "livenessProbe.exec"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(apiserverManifest, c.old, c.new, 1)
			if text == apiserverManifest {
				t.Fatal("the manifest was not changed")
			}
			m, err := ParseManifest("kube-apiserver", []byte(text))
			if err == nil {
				_, err = m.process(testNode())
			}
			if err == nil || !strings.Contains(err.Error(), c.word) {
				t.Errorf("got %v, want a word of %s", err, c.word)
			}
		})
	}
}

func TestHostPathProvide(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		kind HostPathType
		ok   bool
	}{
		{"made folder", PathFolderOrMake, true},
		{"made folder", PathFileOrMake, false},
		{"made/file", PathFileOrMake, false}, // the kubelet makes no folder for a file
		{"file", PathFileOrMake, true},
		{"file", PathFile, true},
		{"file", PathFolder, false},
		{"missing", PathFile, false},
		{"missing", pathSocket, false},
		{"unset/deep", PathUnset, true},
	} {
		mount := HostMount{source: dir + "/" + c.name, Kind: c.kind}
		if err := mount.provide(); (err == nil) != c.ok {
			t.Errorf("%s %q: %v", c.name, c.kind, err)
		}
	}
}

func FuzzProcess(f *testing.F) {
	f.Add([]byte(apiserverManifest))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest("kube-apiserver", data)
		if err != nil {
			return
		}
		p, err := m.process(testNode())
		if err == nil && len(p.argv) == 0 {
			t.Error("a process without a command")
		}
		if known := (*host.Fault)(nil); err != nil && errors.As(err, &known) && known.Remedy.Empty() {
			t.Errorf("no remedy: %v", err)
		}
	})
}

// TestProgramOfManifest: a manifest brings the kept program of its version, and etcd's,
// or one of a version that is not kept, that of the node.
func TestProgramOfManifest(t *testing.T) {
	for image, want := range map[string]string{
		"r.example:5000/kube-apiserver:v1.34.4":         "v1.34.4",
		"r.example/kube-apiserver:v1.35.0-rc.1":         "v1.35.0-rc.1",
		"r.example:5000/etcd:3.6.5-0":                   "",
		"r.example:5000/kube-apiserver":                 "",
		"r.example/kube-apiserver:latest":               "",
		"r.example/kube-apiserver:v1.34.4/../../../tmp": "",
	} {
		m, err := ParseManifest("kube-apiserver", []byte("spec: {containers: [{image: '"+image+"', command: [kube-apiserver]}]}"))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.version(); got != want {
			t.Errorf("%s: %q", image, got)
		}
		if got := m.program("kube-apiserver"); got != "kube-apiserver" { // nothing is kept here
			t.Errorf("%s: %q", image, got)
		}
	}
}
