package usernetes

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
)

// machine is a host on which a node can be made.
func machine(kubernetes string) Facts {
	return Facts{
		Kubernetes: kubernetes, Hostname: "M1", DefaultIP: netip.MustParseAddr("192.0.2.10"),
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("127.0.0.1/8")},
		Routes:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		CgroupV2:  true, SubUIDs: subIDs, SubGIDs: subIDs, UserManager: true, Free: diskRoom,
		Images: ImageFacts{Policy: PolicyFacts{Policy: anyImage()}},
	}
}

func planned(t *testing.T, kubernetes string, o Options) (Plan, map[string]document) {
	t.Helper()
	plan, err := PlanMaster(DefaultSite(), machine(kubernetes), o)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := parseDocuments(plan.Config)
	if err != nil {
		t.Fatal(err)
	}
	byKind := map[string]document{}
	for _, doc := range docs {
		byKind[doc["kind"].(string)] = doc
	}
	return plan, byKind
}

func TestPlanMasterOfEachMinor(t *testing.T) {
	for _, c := range []struct {
		minor    deps.Minor
		nodeArgs any
	}{
		{deps.Minors()[0], document{"node-ip": "192.0.2.10"}},
		{deps.Minors()[1], []any{document{"name": "node-ip", "value": "192.0.2.10"}}},
	} {
		t.Run(c.minor.Version, func(t *testing.T) {
			plan, docs := planned(t, "v"+c.minor.Version+".3", Options{})
			if plan.Node.Name != "m1" || plan.Node.APIPort != apiPort {
				t.Errorf("node %+v", plan.Node)
			}
			if api := docs[kindInit]["apiVersion"]; api != c.minor.KubeadmAPI {
				t.Errorf("apiVersion %v", api)
			}
			if got := lookup(docs[kindInit], "nodeRegistration", "kubeletExtraArgs"); !reflect.DeepEqual(got, c.nodeArgs) {
				t.Errorf("kubeletExtraArgs %v, want %v", got, c.nodeArgs)
			}
			if got := docs[kindKubelet]["staticPodPath"]; got != standInsDir {
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
	if got := lookup(docs[kindInit], "nodeRegistration", "kubeletExtraArgs", "node-ip"); got != "192.0.2.11" {
		t.Errorf("the kubelet's node-ip is %v", got)
	}
	if got := docs[kindCluster]["featureGates"]; !reflect.DeepEqual(got, document{"A": true, "B": false}) {
		t.Errorf("featureGates %v", got)
	}
	if got := docs[kindInit]["skipPhases"]; !reflect.DeepEqual(got, []any{"addon/kube-proxy", "addon/coredns"}) {
		t.Errorf("skipPhases %v", got)
	}
	if got := docs[kindInit]["bootstrapTokens"]; !reflect.DeepEqual(got, []any{document{"ttl": "1h"}}) {
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
		{"an unknown Kubernetes", "v1.29.0", Options{}, "not a Kubernetes version"},
		{"no kubeadm", "", Options{}, "can't be found out"},
		{"a broken address", "v1.26.3", Options{NodeIP: "192.0.2"}, "--node-ip"},
		{"an owned flag", "v1.26.3", Options{Flags: []string{"--cri-socket=/x"}}, "--cri-socket can't be used"},
		{"an owned field", "v1.26.3", Options{Config: []byte("{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration, cgroupDriver: systemd}")}, "cgroupDriver"},
		{"an owned field of another form", "v1.26.3", Options{Config: []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration, certificatesDir: [x]}")}, "certificatesDir"},
		{"another API version", "v1.34.4", Options{ConfigName: "c.yaml", Config: []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration}")}, "kubeadm.k8s.io/v1beta3"},
		{"a flag that kubeadm takes only without a configuration", "v1.26.3", Options{Flags: []string{"--one-output"}}, "--one-output"},
		{"a broken network", "v1.26.3", Options{Flags: []string{"--pod-network-cidr=10.0.0.0"}}, "10.0.0.0"},
		{"a broken port", "v1.26.3", Options{Flags: []string{"--apiserver-bind-port=x"}}, "apiserver-bind-port"},
		{"broken YAML", "v1.26.3", Options{ConfigName: "c.yaml", Config: []byte("a: [")}, "c.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := PlanMaster(DefaultSite(), machine(c.version), c.options)
			var f *host.Fault
			var m *Misuse // its remedy may be the help of the command
			if !errors.As(err, &f) || (f.Remedy == "" && !errors.As(err, &m)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want a fault with a remedy that says %q", err, c.says)
			}
		})
	}
}

// goodHash has the form of the hash of a certificate authority.
const goodHash = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestPlanJoin(t *testing.T) {
	good := JoinRequest{Endpoint: "192.0.2.1:6443", Token: "zyxwvu.0123456789abcdef", CAHashes: []string{goodHash}}
	for _, minor := range deps.Minors() {
		plan, err := PlanJoin(DefaultSite(), machine("v"+minor.Version+".3"), Options{Flags: []string{"--node-name=w1"}}, good)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := parseDocuments(plan.Config)
		if err != nil || len(docs) != 1 {
			t.Fatalf("%d documents, %v", len(docs), err)
		}
		if got := lookup(docs[0], minor.DiscoveryTimeout...); got != discoveryTimeout {
			t.Errorf("%s: discovery's timeout is %v", minor.Version, got)
		}
		if plan.Node.Name != "w1" || plan.Node.APIPort != 0 || lookup(docs[0], "discovery", "bootstrapToken", "token") != good.Token {
			t.Errorf("%+v\n%s", plan.Node, plan.Config)
		}
	}
	for name, spoil := range map[string]func(*JoinRequest){
		"no endpoint":    func(j *JoinRequest) { j.Endpoint = "" },
		"no port":        func(j *JoinRequest) { j.Endpoint = "192.0.2.1" },
		"broken token":   func(j *JoinRequest) { j.Token = "abcdef" },
		"port too large": func(j *JoinRequest) { j.Endpoint = "192.0.2.1:64430" + "0" },
		"broken hash":    func(j *JoinRequest) { j.CAHashes = []string{"sha256:00"} },
		"two lines":      func(j *JoinRequest) { j.ControlPlane, j.CertificateKey = true, "x\n"+strings.Repeat("0a", 32) },
		"no hash":        func(j *JoinRequest) { j.CAHashes = nil },
		"no key":         func(j *JoinRequest) { j.ControlPlane = true },
		"broken key":     func(j *JoinRequest) { j.ControlPlane, j.CertificateKey = true, "00" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			spoil(&bad)
			_, err := PlanJoin(DefaultSite(), machine("v1.26.3"), Options{}, bad)
			var f *host.Fault
			if !errors.As(err, &f) || f.Remedy == "" || strings.Contains(err.Error(), good.Token) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPlanControlPlanes(t *testing.T) {
	for _, minor := range deps.Minors() {
		first, err := PlanMaster(DefaultSite(), machine("v"+minor.Version+".3"), Options{Flags: []string{"--control-plane-endpoint=api.example:6443"}})
		if err != nil {
			t.Fatal(err)
		}
		if !first.Node.EtcdPeers || !strings.Contains(string(first.Config), "https://0.0.0.0:2380") {
			t.Errorf("%s: etcd is not open for others: %+v\n%s", minor.Version, first.Node, first.Config)
		}
		alone, err := PlanMaster(DefaultSite(), machine("v"+minor.Version+".3"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if alone.Node.EtcdPeers || strings.Contains(string(alone.Config), "2380") {
			t.Errorf("%s: etcd of a single master is open: %+v\n%s", minor.Version, alone.Node, alone.Config)
		}
		next, err := PlanJoin(DefaultSite(), machine("v"+minor.Version+".3"), Options{Flags: []string{"--apiserver-bind-port=7443"}}, JoinRequest{
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

func TestPreflight(t *testing.T) {
	site := Node{
		Name: "m1", Kubernetes: "v1.26.3", IP: netip.MustParseAddr("192.0.2.10"), PodCIDR: DefaultSite().PodCIDR,
		ServiceCIDR: DefaultSite().ServiceCIDR, SlirpCIDR: DefaultSite().SlirpCIDR,
	}
	for _, c := range []struct {
		name  string
		spoil func(*Facts, *Node)
		fails []string
	}{
		{"good machine", func(*Facts, *Node) {}, nil},
		{"no cgroup v2", func(f *Facts, _ *Node) { f.CgroupV2 = false }, []string{"cgroup-v2"}},
		{"no tun", func(f *Facts, _ *Node) { f.Tun = errors.New("none") }, []string{"tun"}},
		{"newuidmap restricted", func(f *Facts, _ *Node) { f.Newuidmap = errors.New("denied") }, []string{"newuidmap"}},
		{"no sub-ids", func(f *Facts, _ *Node) { f.SubGIDs = 0 }, []string{"subordinate-ids"}},
		{"namespaces forbidden", func(f *Facts, _ *Node) { f.NoUserNS = "user.max_user_namespaces" }, []string{"user-namespaces"}},
		{"image nowhere", func(f *Facts, _ *Node) {
			f.Images.Needed = []NeededImage{{Name: pauseName, Registry: host.NewFault("reach it", "none")}, {Name: dnsName, Stored: true}}
		}, []string{"images"}},
		{"archive that is cut", func(f *Facts, _ *Node) {
			f.Images.Archives = []Archive{{Name: "a.tar", Err: host.NewFault("bring it", "cut")}}
		}, []string{"image-archive"}},
		{"unreadable logins", func(f *Facts, _ *Node) { f.Images.NoAuth = errors.New("denied") }, []string{"image-auth-file"}},
		{"no policy", func(f *Facts, _ *Node) { f.Images.Policy.Err = errors.New("no such file") }, []string{"containers-policy"}},
		{"foreign address", func(_ *Facts, n *Node) { n.IP = netip.MustParseAddr("192.0.2.99") }, []string{"node-ip"}},
		{"loopback address", func(_ *Facts, n *Node) { n.IP = netip.MustParseAddr("127.0.0.1") }, []string{"node-ip"}},
		{"no address", func(_ *Facts, n *Node) { n.IP = netip.Addr{} }, []string{"node-ip"}},
		{"pods overlap services", func(_ *Facts, n *Node) { n.PodCIDR = netip.MustParsePrefix("10.0.0.0/8") }, []string{"networks"}},
		{"pods overlap the host", func(_ *Facts, n *Node) { n.PodCIDR = netip.MustParsePrefix("192.0.0.0/16") }, []string{"networks"}},
		{"disk full", func(f *Facts, _ *Node) { f.Free = diskRoom - 1 }, []string{"disk"}},
		{"too small a share of the disk free", func(f *Facts, _ *Node) { f.Free, f.Size = 14<<30, 100<<30 }, []string{"disk"}},
		{"just enough of the disk free", func(f *Facts, _ *Node) { f.Free, f.Size = 15<<30, 100<<30 }, nil},
		{"unfit mode", func(f *Facts, n *Node) {
			n.Network, f.Unfit = pastaMode, map[string]error{pastaMode: errors.New("none")}
		}, []string{"network-mode"}},
		{"unfit mode that is not asked for", func(f *Facts, _ *Node) { f.Unfit = map[string]error{pastaMode: errors.New("none")} }, nil},
		{"port taken", func(f *Facts, _ *Node) { f.TakenPorts = []string{"6443/tcp"} }, []string{"ports"}},
		{"all at once", func(f *Facts, _ *Node) {
			f.CgroupV2, f.UserManager, f.Images.Policy.Err = false, false, errors.New("no such file")
		}, []string{"cgroup-v2", "user-manager", "containers-policy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, n := machine("v1.26.3"), site
			c.spoil(&f, &n)
			var failed []string
			for _, finding := range Preflight(Checks(), f, n, nil) {
				if finding.Fault == nil {
					continue
				}
				failed = append(failed, finding.Check)
				if finding.Fault.Remedy == "" {
					t.Errorf("%s has no remedy", finding.Check)
				}
			}
			if !reflect.DeepEqual(failed, c.fails) {
				t.Errorf("failed %q, want %q", failed, c.fails)
			}
			if findings := Preflight(Checks(), f, n, c.fails); len(findings) != len(Checks())-len(c.fails) {
				t.Errorf("%d findings with %q ignored", len(findings), c.fails)
			}
		})
	}
}
