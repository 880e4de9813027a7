package kubeapi_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestKubeconfigComesBack: what is written is read again, and is the same.
func TestKubeconfigComesBack(t *testing.T) {
	a := played.Start(t).Access()
	data, err := a.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	b, err := kubeapi.ParseKubeconfig(data)
	if err != nil || !a.Equal(b) || !a.SameCluster(b) || b.Host() != "127.0.0.1" {
		t.Errorf("%+v, %v", b, err)
	}
	b.Cert = a.CA
	if a.Equal(b) || !a.SameCluster(b) {
		t.Error("another client is the same")
	}
}

// TestParseKubeconfigRefuses what is no kubeconfig of one cluster and one user.
func TestParseKubeconfigRefuses(t *testing.T) {
	data, err := played.Start(t).Access().Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"yaml":       "{",
		"nobody":     "clusters: []",
		"two users":  strings.Replace(string(data), "users:", "users:\n    - name: x\n      user: {}", 1),
		"base64":     strings.Replace(string(data), "client-key-data: ", "client-key-data: '*'\n#", 1),
		"no server":  strings.Replace(string(data), "server: https:", "server: http:", 1),
		"no address": strings.Replace(string(data), "server: https://127.0.0.1", "server: https://$(x)", 1),
	} {
		if a, err := kubeapi.ParseKubeconfig([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestAccessCheck: each field is what it claims to be, and no more.
func TestAccessCheck(t *testing.T) {
	good := played.Start(t).Access()
	other := played.Start(t).Access()
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*kubeapi.Access){
		"path":        func(a *kubeapi.Access) { a.Server += "/x" },
		"authority":   func(a *kubeapi.Access) { a.CA = []byte("x") },
		"other's key": func(a *kubeapi.Access) { a.Key = other.Key },
		"two keys":    func(a *kubeapi.Access) { a.Key = bytes.Repeat(a.Key, 2) },
	} {
		a := good
		if spoil(&a); a.Check() == nil {
			t.Errorf("%s: it is taken for access", name)
		}
	}
}

// TestLives: a cluster lives where its own authority has certified who answers.
func TestLives(t *testing.T) {
	a, b := played.Start(t).Access(), played.Start(t).Access()
	if !a.Lives(t.Context()) {
		t.Error("it is taken for gone")
	}
	stranger := a
	stranger.CA = b.Cert
	gone := a
	gone.Server = "https://127.0.0.1:1"
	for name, dead := range map[string]kubeapi.Access{"another's server": stranger, "nobody": gone, "no address": {Server: "://"}} {
		if dead.Lives(t.Context()) {
			t.Errorf("%s: it is taken for alive", name)
		}
	}
	if host := (kubeapi.Access{Server: "://"}).Host(); host != "" {
		t.Errorf("%q", host)
	}
}

// TestNewClient: a kubeconfig of the node makes a client, whose identity may be
// in a file that the kubelet renews.
func TestNewClient(t *testing.T) {
	api := played.Start(t)
	api.Has("/api/v1/nodes/m1", `{"metadata":{"name":"m1"},"spec":{"podCIDR":"10.244.0.0/24"}}`)
	api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	client, err := kubeapi.NewClient(node.KubeletConf)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := client.Node(t.Context(), "m1"); err != nil || n.Spec.PodCIDR != "10.244.0.0/24" {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := client.Node(t.Context(), "m2"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"yaml": "{", "empty": "", "base64": "clusters: [{cluster: {certificate-authority-data: '*'}}]\nusers: [{}]"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := kubeapi.NewClientOf(path); err == nil {
			t.Errorf("%s: it is taken for a kubeconfig", name)
		}
	}
	if _, err := kubeapi.NewClientOf(filepath.Join(dir, "none")); !node.IsMissing(err) {
		t.Errorf("%v", err)
	}
}
