package node

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

// loaded writes a file of settings and reads it.
func loaded(t *testing.T, text string) (Site, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.conf")
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return LoadSite(filepath.Dir(file))
}

func proxyNode() Node {
	return Node{
		Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), PodCIDR: netip.MustParsePrefix("10.244.0.0/16"),
		ServiceCIDR: netip.MustParsePrefix("10.96.0.0/16"), SlirpCIDR: netip.MustParsePrefix("10.41.0.0/24"), Endpoint: "api.example",
	}
}

func TestProxyVariables(t *testing.T) {
	site, err := loaded(t, "HTTP_PROXY=http://proxy.example:3128\nHTTPS_PROXY=http://u:p%40ss@proxy.example:3128\nNO_PROXY=.example.org, 10.96.0.0/16,LOCALHOST\n")
	if err != nil {
		t.Fatal(err)
	}
	n := proxyNode()
	addresses := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("198.51.100.1/24")}
	got := VariableMap(site.Proxy.Variables(n.Directly(addresses, n.Endpoint, "192.0.2.10")))
	want := map[string]string{
		"HTTP_PROXY":  "http://proxy.example:3128",
		"HTTPS_PROXY": "http://u:p%40ss@proxy.example:3128",
		"NO_PROXY": ".example.org,10.96.0.0/16,LOCALHOST,127.0.0.0/8,::1,192.0.2.10,m1,192.0.2.0/24," +
			"10.244.0.0/16,10.41.0.0/24,.svc,.cluster.local,api.example",
	}
	for key, value := range want {
		if got[key] != value || got[strings.ToLower(key)] != value {
			t.Errorf("%s: got %q and %q, want %q", key, got[key], got[strings.ToLower(key)], value)
		}
	}
	if len(got) != 2*len(want) {
		t.Errorf("got %v", got)
	}
	n.DNSDomain = "corp.example"
	if got := n.Directly(nil); !slices.Contains(got, ".corp.example") || slices.Contains(got, ".cluster.local") {
		t.Errorf("the domain of services: %q", got)
	}
	if got := (Proxy{No: []string{"x"}}).Variables([]string{"y"}); got != nil {
		t.Errorf("without a proxy: %q", got)
	}
}

func TestLoadSiteRefusesProxies(t *testing.T) {
	for text, says := range map[string]string{
		"ALL_PROXY=http://proxy.example:1": "HTTP_PROXY and HTTPS_PROXY",
		"NO_PROXY=a b":                     "separate exceptions with commas",
		"NO_PROXY=10.0.0.0/99":             "is not a network",
		"HTTP_PROXY=proxy.example:3128":    "such as http://",
		"HTTP_PROXY=ftp://proxy.example":   "not ftp",
		"HTTP_PROXY=http://p:99999":        "99999 is not a port",
		"HTTP_PROXY=http://":               "not the URL",
		"HTTP_PROXY=http://$PROXY:3128":    "not the URL",
	} {
		if _, err := loaded(t, text+"\n"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
	if site, err := loaded(t, "HTTP_PROXY=http://p:1\nHTTP_PROXY=\n"); err != nil || site.Proxy.Used() {
		t.Errorf("an empty value takes the proxy away: %v, %v", site.Proxy, err)
	}
}

// TestLoadProxyPassesOverOtherLines: a fault in another setting keeps no
// program from starting.
func TestLoadProxyPassesOverOtherLines(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.conf"), []byte("MTU=x\nCOLOUR=red\nHTTP_PROXY=http://p:1\nSUBORDINATE_IDS=131072\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if proxy, err := LoadProxy(dir); err != nil || proxy.HTTP.secret() != "http://p:1" {
		t.Errorf("got %v, %v", proxy, err)
	}
	if ids, _, err := LoadHostSettings(dir); err != nil || ids != 131072 {
		t.Errorf("got %d, %v", ids, err)
	}
}

func TestUnreadableSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.conf")
	if err := os.Symlink("gone", file); err != nil {
		t.Fatal(err)
	}
	_, err := LoadSite(dir)
	if f := new(host.Fault); !errors.As(err, &f) || !strings.Contains(f.Remedy.String(), "chgrp u7s-admin "+file) || !strings.Contains(f.Remedy.String(), "chmod 0640") {
		t.Errorf("got %v with the remedy %q", err, f.Remedy)
	}
}

func TestExposedPassword(t *testing.T) {
	for mode, exposed := range map[os.FileMode]bool{0o644: true, 0o640: false} {
		file := filepath.Join(t.TempDir(), "a.conf")
		if err := os.WriteFile(file, []byte("HTTP_PROXY=http://u:p@h:1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if site, err := LoadSite(filepath.Dir(file)); err != nil || (len(site.Exposed) > 0) != exposed {
			t.Errorf("%o: got %q, %v", mode, site.Exposed, err)
		}
	}
	if site, err := loaded(t, "HTTP_PROXY=http://h:1\n"); err != nil || len(site.Exposed) > 0 {
		t.Errorf("without a password: got %q, %v", site.Exposed, err)
	}
}

func TestProxyReach(t *testing.T) {
	resolved := map[string][]netip.Addr{
		"here.example": {netip.MustParseAddr("127.0.1.1")}, "self.example": {netip.MustParseAddr("192.0.2.10")},
		"mapped.example": {netip.MustParseAddr("::ffff:127.0.0.1")}, "there.example": {netip.MustParseAddr("192.0.2.77")},
	}
	for url, reached := range map[string]bool{
		"http://localhost:3128": false, "http://x.localhost:3128": false, "http://127.0.0.1:3128": false, "http://127.9.9.9": false, "http://[::1]:3128": false,
		"http://0.0.0.0:3128": false, "http://192.0.2.10:3128": false, "http://M1:3128": false,
		"http://here.example": false, "http://self.example": false, "http://mapped.example": false,
		"http://there.example": true, "http://192.0.2.11:3128": true, "socks5://unknown.example": true,
	} {
		for _, key := range []string{HTTPProxyVariable, HTTPSProxyVariable} {
			var p Proxy
			if err := p.set(key, url); err != nil {
				t.Fatal(err)
			}
			if f := p.Check(proxyNode(), resolved); (f == nil) != reached {
				t.Errorf("%s=%s: got %v", key, url, f)
			}
		}
	}
}

func TestProxyOfAUnit(t *testing.T) {
	var site Proxy
	for key, value := range map[string]string{HTTPProxyVariable: "http://site:1", HTTPSProxyVariable: "http://site:1", NoProxyVariable: "a"} {
		if err := site.set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	own, err := site.Over(map[string]string{"HTTPS_PROXY": "http://unit:2", "https_proxy": "http://lower:3", "http_proxy": "", "no_proxy": "b"})
	if err != nil || own.HTTPS.secret() != "http://unit:2" || own.HTTP.secret() != "" || !slices.Equal(own.No, []string{"b"}) {
		t.Errorf("got %+v, %v", own, err)
	}
	if _, err := site.Over(map[string]string{"HTTPS_PROXY": "unit:2"}); err == nil {
		t.Error("a broken URL of a unit was taken")
	}
}

func TestProxyMissesNodes(t *testing.T) {
	p := Proxy{No: []string{"198.51.100.0/24"}}
	if err := p.set(HTTPProxyVariable, "http://proxy.example"); err != nil {
		t.Fatal(err)
	}
	nodes := []netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("203.0.113.5")}
	direct := []string{"192.0.2.0/24", ".svc"}
	if got := p.Uncovered(direct, nodes); !slices.Equal(got, nodes[2:]) {
		t.Errorf("got %v", got)
	}
	for _, all := range []string{"*", "203.0.113.5"} {
		p.No = []string{"198.51.100.0/24", all}
		if got := p.Uncovered(direct, nodes); len(got) > 0 {
			t.Errorf("%s: got %v", all, got)
		}
	}
	if got := (Proxy{}).Uncovered(nil, nodes); got != nil {
		t.Errorf("without a proxy: %v", got)
	}
}

func TestMergeVariables(t *testing.T) {
	got := MergeVariables([]string{"A=1", "PATH=/evil", "B=2"}, []string{"PATH=/good"}, []string{"A=3", "C=4"})
	if want := []string{"A=3", "PATH=/good", "B=2", "C=4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := WithoutProxies([]string{"https_proxy=x", "NO_PROXY=y", "Ftp_Proxy=z", "A=1"}); !slices.Equal(got, []string{"A=1"}) {
		t.Errorf("proxies stay: %q", got)
	}
}
