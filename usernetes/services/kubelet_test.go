package services

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestKubeadmFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeadm-flags.env")
	text := "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint=unix:///run/crio/crio.sock --enforce-node-allocatable= --node-ip=192.0.2.10\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	flags, err := kubeadmFlags(file)
	want := []string{"--container-runtime-endpoint=unix:///run/crio/crio.sock", "--enforce-node-allocatable=", "--node-ip=192.0.2.10"}
	if err != nil || !reflect.DeepEqual(flags, want) {
		t.Errorf("got %q, %v", flags, err)
	}
}

func TestSetsSeccomp(t *testing.T) {
	for text, want := range map[string]bool{
		"kind: KubeletConfiguration\nfailSwapOn: false\n":     false,
		"kind: KubeletConfiguration\nseccompDefault: true\n":  true,
		"kind: KubeletConfiguration\nseccompDefault: false\n": true,
		"kind: KubeletConfiguration\nseccompDefault:\n":       false,
		"# seccompDefault: true\n":                            false,
		": [":                                                 false, // the kubelet tells
	} {
		if got := setsSeccomp([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestKubeletProbe(t *testing.T) {
	for config, want := range map[string]string{
		"":                            "127.0.0.1:10248",
		"healthzPort: 1":              "127.0.0.1:1",
		"healthzBindAddress: 0.0.0.0": "0.0.0.0:10248",
		"healthzPort: 0":              "",
		"healthzPort: [":              "",
	} {
		got := ""
		if p, known := kubeletProbe([]byte(config)); known {
			got = p.Address
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", config, got, want)
		}
	}
}

// TestCheckMember: the kubelet of a machine that was removed from its cluster does not
// start, and one whose cluster can't be asked does.
func TestCheckMember(t *testing.T) {
	if err := checkMember(t.Context()); err != nil {
		t.Errorf("not known yet: %v", err)
	}
	if err := (node.Node{Name: "w1"}).Save(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(node.Home) }) //nolint:errcheck // the next test tells
	roottest.WriteFile(t, node.MemberFile, `{"UID":"u1"}`)
	api := played.Start(t)
	api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	api.Refuses("GET /api/v1/nodes/w1", 503)
	if err := checkMember(t.Context()); err != nil {
		t.Errorf("no answer: %v", err)
	}
	api.Refuses("GET /api/v1/nodes/w1", 0)
	api.Has("/api/v1/namespaces/kube-system/configmaps/podsec-k8s-removed-nodes", `{"data":{"u1":"{}"}}`)
	if err := checkMember(t.Context()); err == nil {
		t.Error("it has started")
	}
}

// TestUnmeasuredKubelet: on a file system that it can't measure, the kubelet is told
// to do without; it does not start else.
func TestUnmeasuredKubelet(t *testing.T) {
	const without = "--local-storage-capacity-isolation=false"
	for kind, want := range map[string]bool{"tmpfs": false, "ramfs": true} {
		t.Run(kind, func(t *testing.T) {
			roottest.WriteFile(t, node.Home+"/.keep", "")
			if err := unix.Mount(kind, node.Home, kind, 0, ""); err != nil {
				t.Fatal(err)
			}
			defer unix.Unmount(node.Home, 0) //nolint:errcheck // it ends with the tests' own mounts
			roottest.WriteFile(t, node.StatePath(KubeletConfig), "kind: KubeletConfiguration\n")
			roottest.WriteFile(t, node.StatePath("/var/lib/kubelet/kubeadm-flags.env"), "KUBELET_KUBEADM_ARGS=\"\"\n")
			p, err := kubelet()
			if err != nil || slices.Contains(p.Args, without) != want {
				t.Errorf("%q, %v", p.Args, err)
			}
		})
	}
}
