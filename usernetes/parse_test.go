package usernetes

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

func TestLoadSite(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"10-a.conf":  "# a comment\nNODE_IP=192.0.2.1\nMTU=1500\n",
		"90-b.conf":  "NODE_IP='192.0.2.2'\nIMAGE_ARCHIVES=/a.tar:/b.tar\nIMAGE_REPOSITORY=\"r.example/x/\"\n",
		"ignored.sh": "NODE_IP=192.0.2.3\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	site, err := LoadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	if site.NodeIP.String() != "192.0.2.2" || site.MTU != 1500 || site.ImageRepository != "r.example/x" {
		t.Errorf("got %+v", site)
	}
	if want := []string{"/a.tar", "/b.tar"}; !slices.Equal(site.ImageArchives, want) {
		t.Errorf("archives %q", site.ImageArchives)
	}
}

func TestLoadSiteNamesEveryFault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.conf")
	if err := os.WriteFile(file, []byte("NODE_IP=x\nPOD_CIDR=10.0.0.0\nMTU=9\nCOLOUR=red\nPOD_CIDR=10.0.0.0/8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LoadSite(filepath.Dir(file))
	for _, part := range []string{":1: ", ":2: ", ":3: ", ":4: unknown setting \"COLOUR\""} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), ":5:") {
		t.Errorf("%v blames a good line", err)
	}
}

func TestParseSubnet(t *testing.T) {
	l, err := parseSubnet("FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_MTU=65470\nFLANNEL_IPMASQ=true\n")
	if err != nil || l.subnet.String() != "10.244.3.0/24" || l.mtu != 65470 {
		t.Errorf("got %+v, %v", l, err)
	}
	for _, text := range []string{"", "FLANNEL_SUBNET=10.244.3.1/24\n", "FLANNEL_SUBNET=x\nFLANNEL_MTU=1\n"} {
		if _, err := parseSubnet(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestBridgeLink(t *testing.T) {
	got := bridgeLink(lease{subnet: netip.MustParsePrefix("10.244.3.0/24"), mtu: 1450})
	if got.Name != "cni0" || got.MTU != 1450 || got.HardwareAddr.String() != "0a:58:0a:f4:03:01" {
		t.Errorf("got %+v", got.LinkAttrs)
	}
}

func TestParseOuterUID(t *testing.T) {
	inside := "         0        996          1\n         1     200000      65536\n"
	for _, c := range []struct {
		name  string
		uid   uint32
		outer uint32
		ok    bool
	}{
		{"root of the namespace", 0, 996, true},
		{"first subordinate id", 1, 200000, true},
		{"last subordinate id", 65536, 265535, true},
		{"unmapped", 65537, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			outer, err := parseOuterUID(inside, c.uid)
			if outer != c.outer || (err == nil) != c.ok {
				t.Errorf("got %d, %v", outer, err)
			}
		})
	}
}

func FuzzParseOuterUID(f *testing.F) {
	f.Add("0 996 1\n1 200000 65536\n", uint32(7))
	f.Fuzz(func(_ *testing.T, text string, uid uint32) {
		_, _ = parseOuterUID(text, uid)
	})
}

func TestParseRoutes(t *testing.T) {
	routes, device, _ := parseRoutes([]byte(`[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"192.0.2.0/24","dev":"eth0"},{"dst":"10.9.9.9","dev":"eth1"}]`))
	if len(routes) != 1 || routes[0].String() != "192.0.2.0/24" || device != "eth0" {
		t.Errorf("got %v, %q", routes, device)
	}
	_, _, source := parseRoutes([]byte(`[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","prefsrc":"198.51.100.7"},{"dst":"default","dev":"eth1","prefsrc":"192.0.2.3"}]`))
	if source.String() != "198.51.100.7" {
		t.Errorf("the default route's source is %v", source)
	}
}

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

func TestStandInSystemctlRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		status int
		fault  bool
	}{
		{"daemon-reload", []string{"daemon-reload"}, statusOK, false},
		{"is-enabled", []string{"is-enabled", "kubelet"}, statusOK, false},
		{"another unit's state", []string{"is-active", "firewalld"}, statusNoSuchUnit, false},
		{"another unit", []string{"stop", "crio"}, statusUsage, true},
		{"no unit", []string{"start"}, statusUsage, true},
		{"nothing", nil, statusUsage, true},
		{"two units", []string{"start", "kubelet", "crio"}, statusUsage, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, err := StandInSystemctl(context.Background(), c.args)
			var f *host.Fault
			if status != c.status || errors.As(err, &f) != c.fault {
				t.Errorf("got %d, %v", status, err)
			}
		})
	}
}

func TestPublishedPorts(t *testing.T) {
	plan, _ := planned(t, "v1.26.3", Options{Flags: []string{"--apiserver-bind-port=7443"}})
	line := strings.Join(rootlessKit(plan.Node).Args, " ")
	for _, part := range []string{
		"--publish=192.0.2.10:10250:10250/tcp", "--publish=192.0.2.10:8472:8472/udp", "--publish=192.0.2.10:7443:7443/tcp",
	} {
		if !strings.Contains(line, part) {
			t.Errorf("%q is not in %q", part, line)
		}
	}
	worker := plan.Node
	worker.APIPort = 0
	if line := strings.Join(rootlessKit(worker).Args, " "); strings.Contains(line, "443/tcp") {
		t.Errorf("a worker publishes the API: %q", line)
	}
}

// TestNodeRightsAreTheFewest: node identities are given one role, which only
// reads Nodes.
func TestNodeRightsAreTheFewest(t *testing.T) {
	docs, err := parseDocuments([]byte(nodeRights))
	if err != nil || len(docs) != 1 || docs[0]["kind"] != "ClusterRoleBinding" || nested(docs[0], "roleRef")["name"] != "system:node-proxier" {
		t.Errorf("%v, %v", docs, err)
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

func TestSlirpCIDR(t *testing.T) {
	for value, want := range map[string]string{"": "10.41.0.0/24", "10.50.0.0/24": "10.50.0.0/24"} {
		if got, err := SlirpCIDR(func(key string) string { return map[string]string{slirpCIDR: value}[key] }); err != nil || got.String() != want {
			t.Errorf("%q: %s, %v", value, got, err)
		}
	}
	var known *host.Fault
	if _, err := SlirpCIDR(func(string) string { return "nonsense" }); !errors.As(err, &known) {
		t.Errorf("nonsense: %v", err)
	}
}
