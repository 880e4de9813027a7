package usernetes

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

func planned(t *testing.T, kubernetes string, o Options) (Plan, map[string]document.Document) {
	t.Helper()
	plan, err := PlanMaster(node.DefaultSite(), machine(kubernetes), o)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := document.Parse(plan.Config)
	if err != nil {
		t.Fatal(err)
	}
	byKind := map[string]document.Document{}
	for _, doc := range docs {
		byKind[doc["kind"].(string)] = doc
	}
	return plan, byKind
}

func TestPlanMasterOfEachMinor(t *testing.T) {
	for _, c := range []struct {
		version  string
		nodeArgs any
	}{
		{"1.26", document.Document{"node-ip": "192.0.2.10"}},
		{"1.34", []any{document.Document{"name": "node-ip", "value": "192.0.2.10"}}},
	} {
		t.Run(c.version, func(t *testing.T) {
			minor, err := deps.MinorOf(c.version)
			if err != nil {
				t.Fatal(err)
			}
			plan, docs := planned(t, "v"+c.version+".3", Options{})
			if plan.Node.Name != "m1" || plan.Node.APIPort != node.APIPort {
				t.Errorf("node %+v", plan.Node)
			}
			if api := docs[kubeadm.KindInit]["apiVersion"]; api != minor.KubeadmAPI {
				t.Errorf("apiVersion %v", api)
			}
			if got := document.Lookup(docs[kubeadm.KindInit], "nodeRegistration", "kubeletExtraArgs"); !reflect.DeepEqual(got, c.nodeArgs) {
				t.Errorf("kubeletExtraArgs %v, want %v", got, c.nodeArgs)
			}
			if got := docs[kubeadm.KindKubelet]["staticPodPath"]; got != node.StandInsDir {
				t.Errorf("staticPodPath %v", got)
			}
		})
	}
}

func TestPlanMasterTakesFlagsOverFileOverSite(t *testing.T) {
	plan, docs := planned(t, "v1.26.3", Options{
		SiteConfig: []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration, networking: {podSubnet: 10.1.0.0/16, serviceSubnet: 10.2.0.0/16}}"),
		Config:     []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration, networking: {serviceSubnet: 10.3.0.0/16}}"),
		Flags:      []string{"--apiserver-advertise-address=192.0.2.11", "--node-name=alpha", "--skip-token-print", "--feature-gates=A=true,B=false", "--v=5", "--skip-phases=addon/coredns", "--token-ttl=1h"},
	})
	n := plan.Node
	if n.Name != "alpha" || n.IP.String() != "192.0.2.11" || n.PodCIDR.String() != "10.1.0.0/16" || n.ServiceCIDR.String() != "10.3.0.0/16" {
		t.Errorf("node %+v", n)
	}
	if got := document.Lookup(docs[kubeadm.KindInit], "nodeRegistration", "kubeletExtraArgs", "node-ip"); got != "192.0.2.11" {
		t.Errorf("the kubelet's node-ip is %v", got)
	}
	if got := docs[kubeadm.KindCluster]["featureGates"]; !reflect.DeepEqual(got, document.Document{"A": true, "B": false}) {
		t.Errorf("featureGates %v", got)
	}
	if got := docs[kubeadm.KindInit]["skipPhases"]; !reflect.DeepEqual(got, []any{"addon/kube-proxy", "addon/coredns"}) {
		t.Errorf("skipPhases %v", got)
	}
	if got := docs[kubeadm.KindInit]["bootstrapTokens"]; !reflect.DeepEqual(got, []any{document.Document{"ttl": "1h"}}) {
		t.Errorf("bootstrapTokens %v", got)
	}
	if want := []string{"--skip-token-print", "--v=5"}; !reflect.DeepEqual(plan.Pass, want) {
		t.Errorf("passed on %q, want %q", plan.Pass, want)
	}
}

func TestPlanMasterRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string
		options Options
		says    string
	}{
		{"an unknown Kubernetes", "v1.29.0", Options{}, "does not know that Kubernetes version"},
		{"no kubeadm", "", Options{}, "cannot determine the version"},
		{"a broken address", "v1.26.3", Options{NodeIP: "192.0.2"}, "--node-ip"},
		{"an owned flag", "v1.26.3", Options{Flags: []string{"--cri-socket=/x"}}, "--cri-socket cannot be used"},
		{"an owned field", "v1.26.3", Options{Config: []byte("{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration, cgroupDriver: systemd}")}, "cgroupDriver"},
		{"an owned field of another form", "v1.26.3", Options{Config: []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration, certificatesDir: [x]}")}, "certificatesDir"},
		{"another API version", "v1.34.4", Options{ConfigName: "c.yaml", Config: []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration}")}, "kubeadm.k8s.io/v1beta3"},
		{"a flag that kubeadm takes only without a configuration", "v1.26.3", Options{Flags: []string{"--one-output"}}, "--one-output"},
		{"a broken network", "v1.26.3", Options{Flags: []string{"--pod-network-cidr=10.0.0.0"}}, "10.0.0.0"},
		{"a broken port", "v1.26.3", Options{Flags: []string{"--apiserver-bind-port=x"}}, "apiserver-bind-port"},
		{"broken YAML", "v1.26.3", Options{ConfigName: "c.yaml", Config: []byte("a: [")}, "c.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := PlanMaster(node.DefaultSite(), machine(c.version), c.options)
			var f *host.Fault
			var m *node.Misuse // its remedy may be the help of the command
			if !errors.As(err, &f) || (f.Remedy.Empty() && !errors.As(err, &m)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want a fault with a remedy that says %q", err, c.says)
			}
		})
	}
}

// machine is what is found on a host on which a node can be made.
func machine(kubernetes string) preflight.Facts {
	return preflight.Facts{
		Kubernetes: kubernetes, Hostname: "M1", DefaultIP: netip.MustParseAddr("192.0.2.10"),
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("127.0.0.1/8")},
		Routes:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}
}

// goodHash has the form of the hash of a certificate authority.
const goodHash = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestPlanJoin(t *testing.T) {
	good := kubeadm.JoinRequest{Endpoint: "192.0.2.1:6443", Token: "zyxwvu.0123456789abcdef", CAHashes: []string{goodHash}}
	for _, minor := range deps.Minors() {
		plan, err := PlanJoin(node.DefaultSite(), machine("v"+minor.Version+".3"), Options{Flags: []string{"--node-name=w1"}}, good)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := document.Parse(plan.Config)
		if err != nil || len(docs) != 1 {
			t.Fatalf("%d documents, %v", len(docs), err)
		}
		if got := document.Lookup(docs[0], minor.DiscoveryTimeout...); got != "30s" {
			t.Errorf("%s: discovery's timeout is %v", minor.Version, got)
		}
		if plan.Node.Name != "w1" || plan.Node.APIPort != 0 || document.Lookup(docs[0], "discovery", "bootstrapToken", "token") != good.Token {
			t.Errorf("%+v\n%s", plan.Node, plan.Config)
		}
	}
	for name, spoil := range map[string]func(*kubeadm.JoinRequest){
		"no endpoint":    func(j *kubeadm.JoinRequest) { j.Endpoint = "" },
		"no port":        func(j *kubeadm.JoinRequest) { j.Endpoint = "192.0.2.1" },
		"broken token":   func(j *kubeadm.JoinRequest) { j.Token = "abcdef" },
		"port too large": func(j *kubeadm.JoinRequest) { j.Endpoint = "192.0.2.1:64430" + "0" },
		"broken hash":    func(j *kubeadm.JoinRequest) { j.CAHashes = []string{"sha256:00"} },
		"two lines":      func(j *kubeadm.JoinRequest) { j.ControlPlane, j.CertificateKey = true, "x\n"+strings.Repeat("0a", 32) },
		"no hash":        func(j *kubeadm.JoinRequest) { j.CAHashes = nil },
		"no key":         func(j *kubeadm.JoinRequest) { j.ControlPlane = true },
		"broken key":     func(j *kubeadm.JoinRequest) { j.ControlPlane, j.CertificateKey = true, "00" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			spoil(&bad)
			_, err := PlanJoin(node.DefaultSite(), machine("v1.26.3"), Options{}, bad)
			var f *host.Fault
			if !errors.As(err, &f) || f.Remedy.Empty() || strings.Contains(err.Error(), good.Token) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPlanControlPlanes(t *testing.T) {
	for _, minor := range deps.Minors() {
		first, err := PlanMaster(node.DefaultSite(), machine("v"+minor.Version+".3"), Options{Flags: []string{"--control-plane-endpoint=api.example:6443"}})
		if err != nil {
			t.Fatal(err)
		}
		if !first.Node.EtcdPeers || !strings.Contains(string(first.Config), "https://0.0.0.0:2380") {
			t.Errorf("%s: etcd is not open for others: %+v\n%s", minor.Version, first.Node, first.Config)
		}
		alone, err := PlanMaster(node.DefaultSite(), machine("v"+minor.Version+".3"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if alone.Node.EtcdPeers || strings.Contains(string(alone.Config), "2380") {
			t.Errorf("%s: etcd of a single master is open: %+v\n%s", minor.Version, alone.Node, alone.Config)
		}
		next, err := PlanJoin(node.DefaultSite(), machine("v"+minor.Version+".3"), Options{Flags: []string{"--apiserver-bind-port=7443"}}, kubeadm.JoinRequest{
			Endpoint: "api.example:6443", Token: "zyxwvu.0123456789abcdef", CAHashes: []string{goodHash},
			ControlPlane: true, CertificateKey: strings.Repeat("0a", 32),
		})
		if err != nil {
			t.Fatal(err)
		}
		if next.Node.APIPort != 7443 || !next.Node.EtcdPeers || !strings.Contains(string(next.Config), strings.Repeat("0a", 32)) {
			t.Errorf("%s: %+v\n%s", minor.Version, next.Node, next.Config)
		}
	}
}

// TestPlannedNames: the node is called as kubeadm is going to call it.
func TestPlannedNames(t *testing.T) {
	named := func(name string) Options {
		return Options{Config: []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: InitConfiguration, nodeRegistration: {name: " + name + "}}")}
	}
	for want, o := range map[string]Options{
		"m1": {}, "alpha": {Flags: []string{"--node-name=Alpha"}}, "beta": named("' BETA '"), "12345": named("'12345'"), "007": {Flags: []string{"--node-name=007"}},
	} {
		plan, docs := planned(t, "v1.26.3", o)
		if plan.Node.Name != want {
			t.Errorf("the node is called %q, not %q", plan.Node.Name, want)
		}
		if name, ok := document.Lookup(docs[kubeadm.KindInit], "nodeRegistration", "name").(string); !ok || !strings.EqualFold(strings.TrimSpace(name), want) {
			t.Errorf("kubeadm is told %q", name)
		}
	}
	if plan, _ := planned(t, "v1.26.3", named("''")); plan.Node.Name != "m1" {
		t.Errorf("without a name in the configuration the node is called %q", plan.Node.Name)
	}
	_, err := PlanMaster(node.DefaultSite(), machine("v1.26.3"), Options{
		Config: []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration, networking: {podSubnet: '10.1.0.0/16,fd00::/48'}}"),
	})
	if err == nil || !strings.Contains(err.Error(), "one network, of IPv4") {
		t.Errorf("two networks: %v", err)
	}
}

func TestMakesDNS(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
		file  string
		want  bool
	}{
		{"by default", nil, "", true},
		{"flag", []string{"--skip-phases=addon/coredns"}, "", false},
		{"flag of all addons", []string{"--skip-phases=addon"}, "", false},
		{"file", nil, "{apiVersion: kubeadm.k8s.io/v1beta4, kind: InitConfiguration, skipPhases: [addon/coredns]}", false},
		{"switched off", nil, "{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, dns: {disabled: true}}", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, docs := planned(t, "v1.34.4", Options{Flags: c.flags, ConfigName: "f", Config: []byte(c.file)})
			if plan.DNS != c.want {
				t.Errorf("makes DNS: %v", plan.DNS)
			}
			skipped, _ := docs[kubeadm.KindInit]["skipPhases"].([]any)
			if len(skipped) == 0 || skipped[0] != "addon/kube-proxy" {
				t.Errorf("kubeadm would make its own kube-proxy: %v", skipped)
			}
		})
	}
}

func TestPublishedPorts(t *testing.T) {
	plan, _ := planned(t, "v1.26.3", Options{Flags: []string{"--apiserver-bind-port=7443"}})
	keys := func(n node.Node) (all []string) {
		for _, p := range portdriver.FixedPorts(n) {
			all = append(all, p.Key())
		}
		return all
	}
	if got, want := keys(plan.Node), []string{"10250/tcp", "8472/udp", "7443/tcp"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	worker := plan.Node
	worker.APIPort = 0
	if got := keys(worker); slices.Contains(got, "7443/tcp") {
		t.Errorf("a worker publishes the API: %q", got)
	}
}

func TestPlanRefusesProxiesOfComponents(t *testing.T) {
	config := "{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, apiServer: {extraEnvs: [{name: A, value: b}, {name: https_proxy, value: 'http://p'}]}}"
	_, err := PlanMaster(node.DefaultSite(), machine("v1.34.4"), Options{Config: []byte(config)})
	if f := new(host.Fault); !errors.As(err, &f) || !strings.Contains(err.Error(), "https_proxy") || f.Remedy.Empty() {
		t.Errorf("got %v", err)
	}
}

func TestNodeKnowsItsCluster(t *testing.T) {
	plan, _ := planned(t, "v1.26.3", Options{Flags: []string{"--service-dns-domain=corp.example", "--control-plane-endpoint=api.example:6443"}})
	if n := plan.Node; n.DNSDomain != "corp.example" || n.Endpoint != "api.example" {
		t.Errorf("got %+v", n)
	}
	for endpoint, want := range map[string]string{"": "", "192.0.2.1:6443": "192.0.2.1", "api.example": "api.example", "fd00::1": "fd00::1", "[fd00::1]:6443": "fd00::1"} {
		if got := namespace.EndpointHost(endpoint); got != want {
			t.Errorf("%q: got %q, want %q", endpoint, got, want)
		}
	}
}
