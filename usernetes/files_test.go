package usernetes

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

const filesConfig = `kind: ClusterConfiguration
apiServer:
  extraArgs: ARGS
  extraVolumes:
  - {name: policies, hostPath: /srv/policies, mountPath: /policies, readOnly: true, pathType: Directory}
  - {name: one, hostPath: /srv/one, mountPath: /policies/one, pathType: File}
etcd: {external: {caFile: /srv/etcd/ca.crt, certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt, keyFile: ""}}
---
kind: InitConfiguration
patches: {directory: /srv/patches}
nodeRegistration: {kubeletExtraArgs: KUBELET}
---
kind: KubeletConfiguration
authentication: {x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}}
tlsCertFile: /srv/kubelet.crt
`

// TestConfigFiles: every file that a configuration names is found, in both
// forms of extra arguments, where the node has it.
func TestConfigFiles(t *testing.T) {
	want := []string{
		"KubeletConfiguration tlsCertFile /srv/kubelet.crt 0",
		"apiServer.extraArgs audit-log-path /var/log/audit.log 2",
		"apiServer.extraArgs audit-policy-file /srv/policies/audit.yaml 0",
		"apiServer.extraArgs oidc-ca-file /etc/kubernetes/pki/oidc.crt 0",
		"apiServer.extraArgs token-auth-file /srv/one 0",
		"apiServer.extraVolumes one hostPath /srv/one 4",
		"apiServer.extraVolumes policies hostPath /srv/policies 4",
		"etcd.external.caFile /srv/etcd/ca.crt 0",
		"nodeRegistration.kubeletExtraArgs image-credential-provider-bin-dir /usr/local/bin 1",
		"patches.directory /srv/patches 1",
	}
	for form, text := range map[string]string{
		"mapping": strings.NewReplacer("ARGS", `{audit-policy-file: /policies/audit.yaml, audit-log-path: /var/log/audit.log, token-auth-file: /policies/one,
    oidc-ca-file: /etc/kubernetes/pki/oidc.crt, etcd-prefix: /registry, authorization-always-allow-paths: "/healthz,/readyz", tls-min-version: VersionTLS12,
    service-account-key-file: /etc/kubernetes/pki/sa.pub}`, "KUBELET", "{image-credential-provider-bin-dir: /usr/local/bin}").Replace(filesConfig),
		"list": strings.NewReplacer("ARGS", `[{name: audit-policy-file, value: /policies/audit.yaml}, {name: audit-log-path, value: /var/log/audit.log},
    {name: token-auth-file, value: /policies/one}, {name: oidc-ca-file, value: /etc/kubernetes/pki/oidc.crt}, {name: etcd-prefix, value: /registry}]`,
			"KUBELET", "[{name: image-credential-provider-bin-dir, value: /usr/local/bin}]").Replace(filesConfig),
	} {
		t.Run(form, func(t *testing.T) {
			config := kubeadmConfig{}
			docs, err := parseDocuments([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, doc := range docs {
				config[doc["kind"].(string)] = doc
			}
			var got []string
			for _, f := range config.files() {
				got = append(got, f.By+" "+f.Path+" "+string('0'+rune(f.Use)))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestFileFactCheck(t *testing.T) {
	file := func(use fileUse) namedFile { return namedFile{By: "x", Path: "/srv/x", Use: use} }
	volume := func(kind hostPathType) namedFile {
		return namedFile{By: "x", Path: "/srv/x", Use: useVolume, Kind: kind}
	}
	for _, c := range []struct {
		name string
		fact fileFact
		word string // "" when all is well
	}{
		{"there", fileFact{namedFile: file(useFile), Readable: true}, ""},
		{"not there", fileFact{namedFile: file(useFile), Err: fs.ErrNotExist}, "does not exist"},
		{"of root alone", fileFact{namedFile: file(useFile), Closed: "/srv/x"}, "can't read /srv/x"},
		{"in a closed folder", fileFact{namedFile: file(useFile), Err: fs.ErrPermission, Closed: "/srv"}, "can't enter /srv"},
		{"a folder", fileFact{namedFile: file(useFile), Mode: fs.ModeDir, Readable: true}, "is a folder"},
		{"relative", fileFact{namedFile: namedFile{Path: "x"}}, "no whole path"},
		{"output to be made", fileFact{namedFile: file(useOutput), Err: fs.ErrNotExist, Writable: true}, ""},
		{"output that can't be made", fileFact{namedFile: file(useOutput), Err: fs.ErrNotExist}, "can't make it"},
		{"output that can't be written", fileFact{namedFile: file(useOutput), Readable: true}, "can't write"},
		{"store that is a file", fileFact{namedFile: file(useStore), Writable: true}, "is no folder"},
		{"folder with a closed file", fileFact{namedFile: file(useFolder), Mode: fs.ModeDir, Closed: "/srv/x/a"}, "can't read /srv/x/a"},
		{"volume to be made", fileFact{namedFile: volume(pathFolderOrMake), Err: fs.ErrNotExist, Writable: true}, ""},
		{"volume of any kind", fileFact{namedFile: volume(pathUnset), Err: fs.ErrNotExist, Writable: true}, ""},
		{"volume that has to be there", fileFact{namedFile: volume(pathFolder), Err: fs.ErrNotExist, Writable: true}, "does not exist"},
		{"volume of another kind", fileFact{namedFile: volume(pathFile), Mode: fs.ModeDir, Readable: true}, "is no File"},
		{"volume of root alone", fileFact{namedFile: volume(pathFolder), Mode: fs.ModeDir}, "can't read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.fact.check()
			if c.word == "" && err == nil {
				return
			}
			if err == nil || c.word == "" || !strings.Contains(err.Error(), c.word) || host.AsFault(err).Remedy == "" {
				t.Errorf("got %v, want %q and a remedy", err, c.word)
			}
		})
	}
}

// TestCheckFilesGroups: a file that several fields name is told of once.
func TestCheckFilesGroups(t *testing.T) {
	missing := func(by, path string) fileFact {
		return fileFact{namedFile: namedFile{By: by, Path: path}, Err: fs.ErrNotExist}
	}
	f := Facts{Files: []fileFact{missing("a", "/x"), missing("b", "/y"), missing("c", "/x")}}
	findings := Preflight([]Check{{"files", checkFiles}}, f, Node{}, nil)
	if len(findings) != 2 || !strings.HasPrefix(findings[0].Fault.Error(), "a, c: /x") || findings[0].Fault.Remedy == "" {
		t.Errorf("got %+v", findings)
	}
}

func TestCheckVolume(t *testing.T) {
	for target, ok := range map[string]bool{"/policies": true, "/usr": false, "/": false, "/usr/bin": false, "x": false, "/a/../b": false, "/usr/local/etc": true} {
		if err := checkVolume(hostMount{target: target}); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
	}
	if err := checkVolume(hostMount{target: "/x", kind: "Folder"}); err == nil {
		t.Error("a pathType that there is not")
	}
}

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
			err := checkPatches(Facts{Patches: []patchFile{{c.file, target, []byte(c.data)}}}, testNode())
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
	config := func(env any) kubeadmConfig {
		return kubeadmConfig{kindCluster: {"apiServer": document{"extraEnvs": []any{env}}}}
	}
	if err := checkPatches(Facts{Config: config(document{"name": "A", "value": "b"})}, testNode()); err != nil {
		t.Error(err)
	}
	secret := document{"name": "A", "valueFrom": document{"secretKeyRef": document{"name": "x"}}}
	if err := checkPatches(Facts{Config: config(secret)}, testNode()); err == nil || !strings.Contains(err.Error(), "apiServer.extraEnvs") {
		t.Errorf("got %v", err)
	}
}

// TestNodePlace: kubeadm's files and the node's folders are its own; of all
// else the node sees the host's.
func TestNodePlace(t *testing.T) {
	for path, own := range map[string]bool{
		"/etc/kubernetes/pki/oidc.crt": true, "/etc/kubernetes/admin.conf": true, "/etc/kubernetes/manifests": true, "/etc/kubernetes/audit.yaml": false,
		"/var/lib/kubelet/x": true, "/var/lib/kubelet-x": false, "/var/log/pods": true, "/var/log/audit/": false, "/srv/x": false, "/etc/cni/net.d": true,
	} {
		want := path
		if own {
			want = kept(path)
		}
		if got := nodePlace(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestCanMake(t *testing.T) {
	for _, path := range []string{"/var/log/no-such-folder/audit", "/etc/kubernetes/no/such", "/var/lib/etcd/x"} {
		if !canMake(path, false) {
			t.Errorf("%s: the node has no place for it", path)
		}
	}
	if canMake("/var/log/no-such-folder/file", true) {
		t.Error("a bare file in a folder that is not there")
	}
}

func TestClosedAbove(t *testing.T) {
	if folder := closedAbove("/usr/share/doc"); folder != "" {
		t.Errorf("%s is open", folder)
	}
	if !errors.Is(lookAt(namedFile{Path: "/nowhere/at all"}).Err, fs.ErrNotExist) {
		t.Error("a file that is not there")
	}
}
