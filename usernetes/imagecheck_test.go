package usernetes

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const (
	pauseName = "r.example:5000/k8s/pause:3.9"
	dnsName   = "r.example:5000/k8s/coredns:v1.9.3"
)

func TestImageChecks(t *testing.T) {
	archived := []Archive{{Name: "pause.tar", Images: []string{pauseName}}, {Name: "dns.tar", Images: []string{"docker.io/coredns/coredns:1.9.3"}}}
	for _, c := range []struct {
		name   string
		facts  ImageFacts
		says   []string // of each finding, in order
		remedy string
	}{
		{"stored", ImageFacts{Needed: []NeededImage{{Name: pauseName, Stored: true}}}, nil, ""},
		{"in an archive", ImageFacts{Archives: archived, Needed: []NeededImage{{Name: pauseName, Archive: "pause.tar"}}}, nil, ""},
		{"in the registry", ImageFacts{Needed: []NeededImage{{Name: pauseName}}}, nil, ""},
		{
			"archives of other names",
			ImageFacts{Archives: archived, Needed: []NeededImage{{Name: dnsName, Registry: errors.New("dial tcp: lookup r.example: no such host")}}},
			[]string{dnsName + " is in no archive (pause.tar holds " + pauseName + "; dns.tar holds docker.io/coredns/coredns:1.9.3); r.example:5000: dial tcp"},
			"--image-archive",
		},
		{
			"nothing at all",
			ImageFacts{Needed: []NeededImage{{Name: pauseName, Registry: errors.New("no route")}, {Name: dnsName, Registry: errors.New("no route")}}},
			[]string{pauseName + " is in no archive, for none was given", dnsName},
			"image list",
		},
		{"no TLS", ImageFacts{Needed: []NeededImage{{Name: pauseName, Registry: errors.New("http: server gave HTTP response to HTTPS client")}}}, []string{"HTTP response"}, "insecure = true"},
		{"private CA", ImageFacts{Needed: []NeededImage{{Name: pauseName, Registry: errors.New("x509: certificate signed by unknown authority")}}}, []string{"x509"}, "certs.d/r.example:5000/ca.crt"},
		{"other certificate", ImageFacts{Needed: []NeededImage{{Name: pauseName, Registry: errors.New("x509: certificate has expired")}}}, []string{"expired"}, "openssl"},
		{"login", ImageFacts{Needed: []NeededImage{{Name: pauseName, Registry: errors.New("unauthorized: authentication required")}}}, []string{"unauthorized"}, "IMAGE_AUTH_FILE"},
		{"no such tag", ImageFacts{Needed: []NeededImage{{Name: pauseName, Registry: errors.New("manifest unknown")}}}, []string{"manifest unknown"}, "docker://" + pauseName},
		{"the machine's own loopback", ImageFacts{Needed: []NeededImage{{Name: pauseName, Registry: errLoopback}}}, []string{"loopback"}, ""},
		{"unreadable logins", ImageFacts{NoAuth: errors.New("permission denied")}, []string{"IMAGE_AUTH_FILE: permission denied"}, "chmod 0640 /etc/auth.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := separate(checkImages(Facts{Images: c.facts}, Node{ImageAuthFile: "/etc/auth.json"}))
			if len(found) != len(c.says) {
				t.Fatalf("%d findings, want %d: %v", len(found), len(c.says), found)
			}
			for i, want := range c.says {
				if !strings.Contains(found[i].Error(), want) {
					t.Errorf("%q does not say %q", found[i], want)
				}
			}
			if len(found) > 0 && !strings.Contains(found[0].Remedy, c.remedy) {
				t.Errorf("remedy %q, want %q", found[0].Remedy, c.remedy)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	const strict = `{"default": [{"type": "reject"}], "transports": {"docker": {
		"r.example:5000/k8s": [{"type": "signedBy"}], "r.example:5000/k8s/bad": [{"type": "reject"}], "*.wild.example": [{"type": "signedBy"}]}%s}}`
	const anything = `{"default": [{"type": "insecureAcceptAnything"}]}`
	withArchives := strings.Replace(strict, "%s", `, "docker-archive": {"": [{"type": "insecureAcceptAnything"}]}`, 1)
	signedArchives := strings.Replace(strict, "%s", `, "docker-archive": {"": [{"type": "signedBy"}]}`, 1)
	for _, c := range []struct {
		name, policy string
		archives     bool
		rejected     []string
		accepted     []string
	}{
		{"anything", anything, true, nil, []string{pauseName, "x/y:1"}},
		{"the site's registry alone", strings.Replace(strict, "%s", "", 1), false, []string{"docker.io/library/pause:1", "r.example:5000/other/pause:3.9", "r.example:5000/k8s/bad:1"}, []string{pauseName, "a.wild.example/x:1"}},
		{"with archives", withArchives, true, []string{"docker.io/library/pause:1"}, []string{pauseName}},
		{"archives that would be signed", signedArchives, false, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p ImagePolicy
			if err := json.Unmarshal([]byte(c.policy), &p); err != nil {
				t.Fatal(err)
			}
			if p.acceptsArchives() != c.archives {
				t.Errorf("archives: %v", p.acceptsArchives())
			}
			for _, image := range c.rejected {
				if !p.rejects(image) {
					t.Errorf("%s is let in", image)
				}
			}
			for _, image := range c.accepted {
				if p.rejects(image) {
					t.Errorf("%s is rejected", image)
				}
			}
		})
	}
}

func TestCheckPolicy(t *testing.T) {
	reject := ImagePolicy{Default: []requirement{{"reject"}}}
	archives := []Archive{{Name: "a.tar"}}
	for _, c := range []struct {
		name  string
		facts ImageFacts
		want  int
	}{
		{"none", ImageFacts{NoPolicy: errors.New("no such file")}, 1},
		{"archives refused", ImageFacts{Policy: reject, Archives: archives, Needed: []NeededImage{{Name: pauseName, Archive: "a.tar"}}}, 1},
		{"registry refused", ImageFacts{Policy: reject, Needed: []NeededImage{{Name: pauseName}, {Name: dnsName}}}, 2},
		{"all there already", ImageFacts{Policy: reject, Needed: []NeededImage{{Name: pauseName, Stored: true}}}, 0},
	} {
		if found := separate(checkPolicy(Facts{Images: c.facts}, Node{})); len(found) != c.want {
			t.Errorf("%s: %v", c.name, found)
		}
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
			skipped, _ := docs[kindInit]["skipPhases"].([]any)
			if len(skipped) == 0 || skipped[0] != "addon/kube-proxy" {
				t.Errorf("kubeadm would make its own kube-proxy: %v", skipped)
			}
		})
	}
}

func TestDNSImage(t *testing.T) {
	const list = "r/kube-apiserver:v1.26.3\nr/etcd:3.5.6-0\nregistry.k8s.io/coredns/coredns:v1.9.3\n"
	if image, err := dnsImage(list); err != nil || image != "registry.k8s.io/coredns/coredns:v1.9.3" {
		t.Errorf("%q, %v", image, err)
	}
	if _, err := dnsImage("r/etcd:3.5.6-0\n"); err == nil {
		t.Error("found where there is none")
	}
}

func TestSkopeoCause(t *testing.T) {
	const line = `time="2026-11-27T10:00:00Z" level=fatal msg="Error parsing image name \"docker://r/p:1\": pinging container registry r: Get \"https://r/v2/\": dial tcp: lookup r: no such host"`
	if got := skopeoCause("noise\n" + line + "\n"); got != `pinging container registry r: Get "https://r/v2/": dial tcp: lookup r: no such host` {
		t.Errorf("%s", got)
	}
}

func TestLoopback(t *testing.T) {
	for registry, want := range map[string]bool{"localhost:5000": true, "127.0.0.1": true, "127.1.2.3:5000": true, "r.example:5000": false, "10.0.0.1": false} {
		if loopback(registry) != want {
			t.Errorf("%s: %v", registry, !want)
		}
	}
}
