package backup

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestMain gives the tests a network, a /var/lib and a /run of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib", "/run")
	os.Exit(m.Run())
}

// playMaster plays a control plane, and etcd's tools on it. They note their command
// lines in the file that is returned.
func playMaster(t *testing.T) (n node.Node, log string) {
	t.Helper()
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	roottest.WriteFile(t, namespace.ChildPIDFile(), strconv.Itoa(os.Getpid()))
	roottest.WriteFile(t, dir+"/etcdctl", "#!/bin/sh\n")
	roottest.WriteFile(t, dir+"/etcdutl", "#!/bin/sh\n")
	roottest.WriteFile(t, dir+"/nsenter", `#!/bin/sh
while [ "$1" != -- ]; do shift; done; shift
echo "$@" >> `+log+`
if [ -e `+dir+`/fails ] && echo "$@" | grep -q "$(cat `+dir+`/fails)"; then echo "error: it fails" >&2; exit 1; fi
case "$*" in
"etcdctl endpoint status"*) echo '[{"Endpoint":"x","Status":{"version":"3.6.4"}}]' ;;
"etcdctl snapshot save"*) echo data > "$4" ;;
"etcdutl snapshot status"*) echo '{"hash":1,"revision":77,"totalKey":9,"totalSize":5,"version":"3.6.0"}' ;;
"etcdutl snapshot restore --help") echo ' --bump-revision' ;;
esac
`)
	api := played.Start(t)
	api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	api.Has("/api/v1/namespaces/kube-system/configmaps/kubeadm-config", `{"data":{"ClusterConfiguration":"kind: ClusterConfiguration\n"}}`)
	api.Has("/api/v1/namespaces/kube-system/configmaps/kubelet-config", `{"data":{"kubelet":"kind: KubeletConfiguration\n"}}`)
	for _, name := range keys() {
		roottest.WriteFile(t, node.StatePath(pki+name), "content of "+name)
	}
	n = node.Node{
		Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), Kubernetes: "v1.34.4", PodCIDR: node.DefaultSite().PodCIDR,
		ServiceCIDR: node.DefaultSite().ServiceCIDR, SlirpCIDR: node.DefaultSite().SlirpCIDR,
	}
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	return n, log
}

// TestMakeAndPut: what a control plane gives is what a new one gets.
func TestMakeAndPut(t *testing.T) {
	n, log := playMaster(t)
	var out bytes.Buffer
	if err := Make(t.Context(), "2.0.0", &out); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(out.Bytes()))
	if err != nil || r.Manifest.Revision != 77 || r.Manifest.Keys != 9 || r.Manifest.Etcd != "3.6.4" || r.Manifest.PodsecK8s != "2.0.0" {
		t.Fatalf("%+v, %v", r, err)
	}
	if kept, err := r.Check(KubeadmName); err != nil || !strings.Contains(string(kept[KubeadmName]), "KubeletConfiguration") {
		t.Errorf("%q, %v", kept, err)
	}
	said, err := os.ReadFile(log)
	if err != nil || !strings.HasPrefix(string(said), "etcdctl get / --consistency=l") { // before the snapshot
		t.Errorf("%s, %v", said, err)
	}
	if host.Exists(snapshotFile) {
		t.Error("the snapshot is left")
	}
	file := filepath.Join(t.TempDir(), "backup.tar")
	roottest.WriteFile(t, file, out.String())
	from, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // opened for reading
	if err := os.RemoveAll(node.StatePath(pki)); err != nil {
		t.Fatal(err)
	}
	n.IP = netip.MustParseAddr("192.0.2.20")
	for range 2 { // a run that was cut begins anew, with the same descriptor
		if err := Put(t.Context(), from, n, "/var/lib/etcd"); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(node.StatePath(pki + "etcd/ca.key")); err != nil || string(got) != "content of etcd/ca.key" {
		t.Errorf("%q, %v", got, err)
	}
	if said, err = os.ReadFile(log); err != nil || !strings.Contains(string(said), "--data-dir=/var/lib/etcd --name=m1 --initial-cluster=m1=https://192.0.2.20:2380 --initial-advertise-peer-urls=https://192.0.2.20:2380 --bump-revision=1000000000 --mark-compacted") {
		t.Errorf("%s, %v", said, err)
	}
}

// TestMakeKeepsPolicy: the site's audit policy is in a backup, from the cluster or from
// this control plane.
func TestMakeKeepsPolicy(t *testing.T) {
	n, _ := playMaster(t)
	own := audit.Setting{Mode: audit.Own, Policy: []byte("of the site")}
	api := played.Start(t)
	api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	api.Has("/api/v1/namespaces/kube-system/configmaps/kubeadm-config", `{"data":{"ClusterConfiguration":"{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, apiServer: {extraArgs: [{name: audit-policy-file, value: `+own.PolicyPath()+`}]}}"}}`)
	api.Has("/api/v1/namespaces/kube-system/configmaps/kubelet-config", `{"data":{"kubelet":"kind: KubeletConfiguration\n"}}`)
	has := func() (string, error) {
		small, err := collect(t.Context(), n)
		for _, c := range small {
			if c.name == PolicyName {
				return string(c.data), err
			}
		}
		return "", err
	}
	for _, c := range []struct{ name, cluster, file, want string }{
		{"of the cluster", `{"data":{"policy.yaml":"of the site"}}`, "", "of the site"},
		{"of this machine", "", "of the site", "of the site"},
		{"another one in the cluster", `{"data":{"policy.yaml":"of another"}}`, "of the site", "of the site"},
		{"another one here", "", "of another", ""},
	} {
		api.Has(audit.PolicyObjectPath, nil)
		if c.cluster != "" {
			api.Has(audit.PolicyObjectPath, c.cluster)
		}
		roottest.WriteFile(t, node.StatePath(own.PolicyPath()), c.file)
		got, err := has()
		if got != c.want || (err == nil) != (c.want != "") || err != nil && host.AsFault(err).Remedy.Empty() {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	api.Refuses("GET "+audit.PolicyObjectPath, http.StatusInternalServerError)
	if _, err := has(); err == nil || !strings.Contains(err.Error(), "getting the cluster's audit policy") {
		t.Errorf("no answer: %v", err)
	}
}

// TestMakeFails where it can't do all of it.
func TestMakeFails(t *testing.T) {
	for says, spoil := range map[string]func(dir string) error{
		"querying etcd: etcdctl get":       func(dir string) error { return os.WriteFile(dir+"/fails", []byte("etcdctl get"), 0o600) },
		"querying etcd: etcdctl endpoint":  func(dir string) error { return os.WriteFile(dir+"/fails", []byte("endpoint status"), 0o600) },
		"taking the snapshot of etcd: ":    func(dir string) error { return os.WriteFile(dir+"/fails", []byte("save"), 0o600) },
		"checking the snapshot of etcd: ":  func(dir string) error { return os.WriteFile(dir+"/fails", []byte("etcdutl"), 0o600) },
		"etcdctl":                          func(dir string) error { return os.Remove(dir + "/etcdctl") },
		"ca.key is not on this machine":    func(string) error { return os.Remove(node.StatePath(pki + "ca.key")) },
		"this node is not a control plane": func(string) error { return os.Remove(node.StatePath(node.AdminConf)) },
		"reading the node": func(string) error {
			return errors.Join(os.Remove(node.NodeFile), os.Remove(node.CopyOf(node.NodeFile)))
		},
	} {
		t.Run(says, func(t *testing.T) {
			_, log := playMaster(t)
			if err := spoil(filepath.Dir(log)); err != nil {
				t.Fatal(err)
			}
			if err := Make(t.Context(), "2.0.0", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v", err)
			}
			if host.Exists(snapshotFile) {
				t.Error("the snapshot is left")
			}
		})
	}
}
