package staticpod

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const vipPod = `apiVersion: v1
kind: Pod
metadata: {name: vip, namespace: kube-system}
spec: {hostNetwork: true, containers: [{name: vip, image: x, env: [{name: A, value: b}]}], volumes: [{name: x, hostPath: {path: /x}}, {name: e, emptyDir: {}}]}
`

func TestStaticPodCheck(t *testing.T) {
	for _, c := range []struct{ name, file, old, new, word string }{
		{"a pod", "kube-vip.yaml", "", "", ""},
		{"JSON", "kube-vip.json", vipPod, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"a","image":"b"}]}}`, ""},
		{"not YAML", "a.yaml", vipPod, "{", "YAML"},
		{"empty", "a.yaml", vipPod, "", "one document, not 0"},
		{"two", "a.yaml", vipPod, vipPod + "---\n" + vipPod, "one document, not 2"},
		{"another kind", "a.yaml", "kind: Pod", "kind: Deployment", "Deployment"},
		{"another version", "a.yaml", "apiVersion: v1", "apiVersion: v2", "v2"},
		{"not a pod name", "a.yaml", "name: vip, namespace", "namespace", "not a pod name"},
		{"a bad name", "a.yaml", "name: vip, namespace", "name: ../vip, namespace", "not a pod name"},
		{"a bad namespace", "a.yaml", "kube-system", "Kube_System", "not a pod name"},
		{"no containers", "a.yaml", "containers: [{name: vip, image: x, env: [{name: A, value: b}]}], ", "", "no containers"},
		{"no image", "a.yaml", "image: x, ", "", "no image"},
		{"a component's file", "etcd.yaml", "", "", "part of the control plane"},
		{"a component's file, JSON", "kube-apiserver.json", "", "", "part of the control plane"},
		{"a component's name", "old.yaml", "name: vip, n", "name: etcd, n", "part of the control plane"},
		{"a component's labels", "old.yaml", "name: vip, n", "name: etcd-old, labels: {component: etcd, tier: control-plane}, n", "part of the control plane"},
		{"a component's name elsewhere", "mine.yaml", "name: vip, namespace: kube-system", "name: etcd, namespace: shop", ""},
		{"an object's volume", "a.yaml", "emptyDir: {}", "configMap: {name: x}", "configMap"},
		{"an object's value", "a.yaml", "value: b", "valueFrom: {secretKeyRef: {name: x, key: y}}", "secretKeyRef"},
		{"an account", "a.yaml", "hostNetwork: true", "serviceAccountName: x", "serviceAccountName"},
		{"no account", "a.yaml", "hostNetwork: true", `serviceAccountName: ""`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := staticPod{file: node.ManifestsDir + "/" + c.file, data: []byte(strings.Replace(vipPod, c.old, c.new, 1))}
			err := p.check(map[string]string{})
			if c.word == "" && err != nil || c.word != "" && (err == nil || !strings.Contains(err.Error(), c.word) || host.AsFault(err).Remedy.Empty()) {
				t.Errorf("got %v, want %q and a remedy", err, c.word)
			}
		})
	}
}

func TestStaticPodTwice(t *testing.T) {
	names := map[string]string{}
	first, second := staticPod{file: "/a.yaml", data: []byte(vipPod)}, staticPod{file: "/b.yaml", data: []byte(vipPod)}
	if err := first.check(names); err != nil {
		t.Fatal(err)
	}
	if err := second.check(names); err == nil || !strings.Contains(err.Error(), "/a.yaml already has a pod kube-system/vip") {
		t.Errorf("got %v", err)
	}
}

func FuzzStaticPodCheck(f *testing.F) {
	f.Add([]byte(vipPod))
	f.Fuzz(func(t *testing.T, data []byte) {
		names := map[string]string{}
		if err := (staticPod{file: "/a.yaml", data: data}).check(names); err == nil && len(names) != 1 {
			t.Error("a pod without a name")
		}
	})
}

// TestSyncStaticPods: the kubelet has a copy of each of the administrator's pods, and
// of those that are gone no more.
func TestSyncStaticPods(t *testing.T) {
	noNode(t)
	web := node.StatePath(node.ManifestsDir) + "/web.yaml"
	const text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: i}]}\n"
	for _, c := range []struct {
		name, text string
		copies     []string
		faults     int
	}{
		{"a pod", text, []string{"node-web.yaml"}, 0},
		{"another one", strings.Replace(text, "image: i", "image: j", 1), []string{"node-web.yaml"}, 0},
		{"none any more", "kind: Service\n", nil, 1},
		{"gone", "", nil, 0},
	} {
		roottest.WriteFile(t, web, c.text)
		if c.text == "" {
			if err := os.Remove(web); err != nil {
				t.Fatal(err)
			}
		}
		var found manifestFindings
		syncStaticPods(&found)
		if copies := staticPodCopies(""); !slices.Equal(copies, c.copies) || len(found.Findings) != c.faults {
			t.Errorf("%s: copies %q, found %+v", c.name, copies, found.Findings)
		}
		if len(c.copies) > 0 {
			if got, err := os.ReadFile(node.StatePath(node.StandInsDir + "/" + c.copies[0])); err != nil || string(got) != c.text {
				t.Errorf("%s: %q, %v", c.name, got, err)
			}
		}
	}
}

// TestStaticPodsThatCantBeRead: while nobody knows whether they are gone, the copies
// stay.
func TestStaticPodsThatCantBeRead(t *testing.T) {
	noNode(t)
	folder := node.StatePath(node.ManifestsDir)
	roottest.WriteFile(t, folder, "no folder")
	roottest.WriteFile(t, node.StatePath(node.StandInsDir+"/node-web.yaml"), "")
	roottest.WriteFile(t, node.StatePath(node.StandInsDir+"/etcd.yaml"), "")
	var found manifestFindings
	syncStaticPods(&found)
	if copies := staticPodCopies(""); !slices.Equal(copies, []string{"node-web.yaml"}) || len(found.Findings) != 1 || found.Findings[0].File != folder {
		t.Errorf("copies %q, found %+v", copies, found.Findings)
	}
}

// TestReadManifestFile waits for nobody, and takes what can be a manifest.
func TestReadManifestFile(t *testing.T) {
	dir := t.TempDir()
	roottest.WriteFile(t, dir+"/good.yaml", "x")
	roottest.WriteFile(t, dir+"/good.txt", "x")
	roottest.WriteFile(t, dir+"/large.json", strings.Repeat("x", maxManifest+1))
	if err := unix.Mkfifo(dir+"/pipe.yml", 0o600); err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"good.yaml": true, "good.txt": false, "large.json": false, "pipe.yml": false, "none.yaml": false} {
		if data, err := readManifestFile(dir + "/" + name); (err == nil) != ok || ok && string(data) != "x" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
