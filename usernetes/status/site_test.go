package status

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestProxyFindings: nodes that would be asked through the proxy are told of, and a
// proxy that can't be used.
func TestProxyFindings(t *testing.T) {
	m := playMachine(t, "{}")
	m.api.Has("/api/v1/nodes", `{"items":[`+clusterNode("w1", "127.0.0.1", true)+`,`+clusterNode("m1", "192.0.2.11", true)+`]}`)
	for _, c := range []struct{ settings, want string }{
		{"", ""},
		{"HTTPS_PROXY=http://192.0.2.99:3128\nNO_PROXY=192.0.2.0/24\n", ""},
		{"HTTPS_PROXY=http://192.0.2.99:3128\n", "192.0.2.11"},
		{"HTTPS_PROXY=http://127.0.0.1:3128\n", "127.0.0.1"},
	} {
		dir := t.TempDir()
		roottest.WriteFile(t, dir+"/site.conf", c.settings)
		site, err := node.LoadSite(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range proxyFindings(t.Context(), m.node, site) {
			got += f.Error()
		}
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%q: %q", c.settings, got)
		}
	}
}
