package usernetes

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

const (
	pauseName = "r.test/pause:3.9"
	dnsName   = "r.test/coredns:v1.9.3"
)

// TestCheckImages: every place is named where an image was looked for.
func TestCheckImages(t *testing.T) {
	away := host.NewFault("reach it", "away")
	pause, dns := NeededImage{Name: pauseName, Registry: away}, NeededImage{Name: dnsName, Registry: away}
	holds := func(names ...string) []Archive {
		return []Archive{{Name: "a.tar", Images: []ArchivedImage{{Names: names, Architecture: runtime.GOARCH}}}}
	}
	for _, c := range []struct {
		name     string
		archives []Archive
		needed   []NeededImage
		says     [][]string // of each fault: words of it or of its remedy
	}{
		{"in the registry", nil, []NeededImage{{Name: pauseName}, {Name: dnsName}}, nil},
		{"in the storage", nil, []NeededImage{{Name: pauseName, Stored: true}}, nil},
		{"in an archive", holds(pauseName), []NeededImage{{Name: pauseName, Archive: "a.tar"}}, nil},
		{"nowhere", nil, []NeededImage{dns, pause}, [][]string{{dnsName, "in no archive, for none was given", "r.test: away", "reach it"}, {pauseName}}},
		{"one nowhere", holds(dnsName), []NeededImage{{Name: dnsName, Archive: "a.tar"}, pause}, [][]string{{pauseName, "a.tar holds " + dnsName, "reach it"}}},
		{"another registry", holds("other.test/k8s/pause:3.9"), []NeededImage{pause}, [][]string{{"IMAGE_REPOSITORY=other.test/k8s ", "docker-archive:NEW:r.test/pause:3.9"}}},
		{"upstream's", holds("registry.k8s.io/coredns/coredns:v1.9.3"), []NeededImage{dns}, [][]string{{"IMAGE_REPOSITORY=registry.k8s.io "}}},
		{"another version", holds("r.test/pause:3.1"), []NeededImage{pause}, [][]string{{"another version", "docker://r.test/pause:3.9"}}},
		{"an archive that is cut", []Archive{{Name: "a.tar", Err: away}}, []NeededImage{pause}, [][]string{{"a.tar holds nothing"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := separate(checkImages(Facts{Images: ImageFacts{Archives: c.archives, Needed: c.needed}}, Node{}))
			if len(found) != len(c.says) {
				t.Fatalf("got %+v, want %d faults", found, len(c.says))
			}
			for i, words := range c.says {
				for _, word := range words {
					if text := found[i].Error() + "\n" + found[i].Remedy; !strings.Contains(text, word) {
						t.Errorf("%s does not say %q", text, word)
					}
				}
			}
		})
	}
}

func TestCheckArchivesOfAnotherArchitecture(t *testing.T) {
	f := ImageFacts{Needed: []NeededImage{{Name: pauseName}}, Archives: []Archive{{Name: "a.tar", Images: []ArchivedImage{{Names: []string{pauseName}, Architecture: "s390x"}}}}}
	if err := checkArchives(Facts{Images: f}, Node{}); err == nil || !strings.Contains(err.Error(), "s390x") {
		t.Errorf("got %v", err)
	}
	f.Needed = nil
	if err := checkArchives(Facts{Images: f}, Node{}); err != nil {
		t.Errorf("an image that the node does not need: %v", err)
	}
}

func TestCheckAuthFile(t *testing.T) {
	f := Facts{Images: ImageFacts{NoAuth: errors.New("permission denied")}}
	found := separate(checkAuthFile(f, Node{ImageAuthFile: "/etc/auth.json"}))
	if len(found) != 1 || !strings.Contains(found[0].Remedy, "chmod 0640 /etc/auth.json") {
		t.Errorf("got %+v", found)
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

func TestFullNames(t *testing.T) {
	if all, err := fullNames("r.test:5000/pause:3.9", "mirror/coredns:v1"); err != nil || !slices.Equal(all, []string{"r.test:5000/pause:3.9", "docker.io/mirror/coredns:v1"}) {
		t.Errorf("%q, %v", all, err)
	}
	if _, err := fullNames("https://r.test/pause:3.9"); err == nil || !strings.Contains(host.AsFault(err).Remedy, "IMAGE_REPOSITORY") {
		t.Errorf("an address in place of a name: %v", err)
	}
}
