package namespace

import (
	"os"
	"slices"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestOwnVariables(t *testing.T) {
	inherited := []string{"HOME=/var/lib/u7s-admin", "LANG=C.UTF-8", "HTTP_PROXY=http://everywhere:1"}
	env := append(slices.Clone(inherited), "INVOCATION_ID=1", "NOTIFY_SOCKET=/x", "SYSTEMD_EXEC_PID=2", "LISTEN_FDS=1", "GOGC=77", "HTTPS_PROXY=http://unit:2", "_X=1")
	if got, want := ownVariables(env, inherited), []string{"GOGC=77", "HTTPS_PROXY=http://unit:2", "_X=1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEnvironment: the identity with the most rights is used, and the proxy by all
// but etcd.
func TestEnvironment(t *testing.T) {
	playNode(t)
	roottest.WriteFile(t, node.SiteDir+"/site.conf", "HTTPS_PROXY=http://192.0.2.99:3128\n")
	defer os.RemoveAll(node.SiteDir) //nolint:errcheck // it is the tests' own
	has := func(p Program, want string) bool {
		env, err := p.environment(nil)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(env, want)
	}
	const proxy = "HTTPS_PROXY=http://192.0.2.99:3128"
	crio, etcd := Program{Name: "crio"}, Program{Name: node.Self, Args: []string{"unit", "component", "etcd"}}
	if !has(crio, proxy) || has(etcd, proxy) || has(Program{Name: "etcd"}, proxy) {
		t.Error("the proxy reaches the wrong ones")
	}
	if !has(crio, "KUBECONFIG="+node.KubeletConf) {
		t.Error("a worker is no administrator")
	}
	roottest.WriteFile(t, node.StatePath(node.AdminConf), "")
	if !has(crio, "KUBECONFIG="+node.AdminConf) {
		t.Error("a control plane is none")
	}
	roottest.WriteFile(t, node.SiteDir+"/site.conf", "HTTPS_PROXY=ftp:\n")
	if _, err := crio.environment(nil); err == nil {
		t.Error("a setting that is none was taken")
	}
	if err := os.Remove(node.NodeFile); err != nil {
		t.Fatal(err)
	}
	roottest.WriteFile(t, node.SiteDir+"/site.conf", "HTTPS_PROXY=http://192.0.2.99:3128\n")
	if _, err := crio.environment(nil); !node.IsMissing(err) {
		t.Errorf("nobody knows whom to ask directly: %v", err)
	}
}

// TestEndpoints: where the API is asked is in the node and in its identity.
func TestEndpoints(t *testing.T) {
	playNode(t)
	n := node.Node{Endpoint: "api.example"}
	for text, want := range map[string][]string{
		"": {"api.example"}, "{": {"api.example"}, "clusters: [{cluster: {server: \"https://192.0.2.11:6443\"}}]": {"api.example", "192.0.2.11"},
	} {
		roottest.WriteFile(t, node.StatePath(node.KubeletConf), text)
		if got := Endpoints(n); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{"192.0.2.10": "192.0.2.10", "2001:db8::1": "2001:db8::1", "[2001:db8::1]:6443": "2001:db8::1", "api.example:6443": "api.example", "api.example": "api.example", "%": ""} {
		if got := EndpointHost(text); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}
