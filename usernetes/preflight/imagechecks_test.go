package preflight

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const (
	pauseName = "r.test/pause:3.9"
	dnsName   = "r.test/coredns:v1.9.3"
)

// TestCheckImages: every place is named where an image was looked for.
func TestCheckImages(t *testing.T) {
	away := host.NewFault("reach it", "away")
	pause, dns := images.NeededImage{Name: pauseName, Registry: away}, images.NeededImage{Name: dnsName, Registry: away}
	holds := func(names ...string) []images.Archive {
		return []images.Archive{{Name: "a.tar", Images: []images.ArchivedImage{{Names: names, Architecture: runtime.GOARCH}}}}
	}
	for _, c := range []struct {
		name     string
		archives []images.Archive
		needed   []images.NeededImage
		says     [][]string // of each fault: words of it or of its remedy
	}{
		{"in the registry", nil, []images.NeededImage{{Name: pauseName}, {Name: dnsName}}, nil},
		{"in the storage", nil, []images.NeededImage{{Name: pauseName, Stored: true}}, nil},
		{"in an archive", holds(pauseName), []images.NeededImage{{Name: pauseName, Archive: "a.tar"}}, nil},
		{"nowhere", nil, []images.NeededImage{dns, pause}, [][]string{{dnsName, "no archive was specified", "r.test: away", "reach it"}, {pauseName}}},
		{"one nowhere", holds(dnsName), []images.NeededImage{{Name: dnsName, Archive: "a.tar"}, pause}, [][]string{{pauseName, "a.tar holds " + dnsName, "reach it"}}},
		{"another registry", holds("other.test/k8s/pause:3.9"), []images.NeededImage{pause}, [][]string{{"IMAGE_REPOSITORY=other.test/k8s ", "docker-archive:NEW:r.test/pause:3.9"}}},
		{"upstream's", holds("registry.k8s.io/coredns/coredns:v1.9.3"), []images.NeededImage{dns}, [][]string{{"IMAGE_REPOSITORY=registry.k8s.io "}}},
		{"another version", holds("r.test/pause:3.1"), []images.NeededImage{pause}, [][]string{{"another version", "docker://r.test/pause:3.9"}}},
		{"an archive that is cut", []images.Archive{{Name: "a.tar", Err: away}}, []images.NeededImage{pause}, [][]string{{"a.tar holds nothing"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := Separate(checkImages(Facts{Images: images.ImageFacts{Archives: c.archives, Needed: c.needed}}, node.Node{}))
			if len(found) != len(c.says) {
				t.Fatalf("got %+v, want %d faults", found, len(c.says))
			}
			for i, words := range c.says {
				for _, word := range words {
					if text := found[i].Error() + "\n" + found[i].Remedy.String(); !strings.Contains(text, word) {
						t.Errorf("%s does not say %q", text, word)
					}
				}
			}
		})
	}
}

func TestCheckArchivesOfAnotherArchitecture(t *testing.T) {
	f := images.ImageFacts{Needed: []images.NeededImage{{Name: pauseName}}, Archives: []images.Archive{{Name: "a.tar", Images: []images.ArchivedImage{{Names: []string{pauseName}, Architecture: "s390x"}}}}}
	if err := CheckArchives(Facts{Images: f}, node.Node{}); err == nil || !strings.Contains(err.Error(), "s390x") {
		t.Errorf("got %v", err)
	}
	f.Needed = nil
	if err := CheckArchives(Facts{Images: f}, node.Node{}); err != nil {
		t.Errorf("an image that the node does not need: %v", err)
	}
}

func TestCheckAuthFile(t *testing.T) {
	f := Facts{Images: images.ImageFacts{NoAuth: errors.New("permission denied")}}
	found := Separate(checkAuthFile(f, node.Node{ImageAuthFile: "/etc/auth.json"}))
	if len(found) != 1 || !strings.Contains(found[0].Remedy.String(), "chmod 0640 /etc/auth.json") {
		t.Errorf("got %+v", found)
	}
}

// Policies of sites.
const (
	signedOnly = `{"default":[{"type":"reject"}],"transports":{"docker":{"r.test":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/nowhere.gpg","signedIdentity":{"type":"matchRepository"}}]}}}`
	archives   = `{"default":[{"type":"reject"}],"transports":{"docker-archive":{"":[{"type":"insecureAcceptAnything"}]}}}`
	both       = `{"default":[{"type":"reject"}],"transports":{"docker-archive":{"":[{"type":"insecureAcceptAnything"}]},"docker":{"*.test":[{"type":"insecureAcceptAnything"}]}}}`
)

func TestCheckPolicy(t *testing.T) {
	const image = "r.test/k8s/pause:3.9"
	archived := images.ImageFacts{Needed: []images.NeededImage{{Name: image, Archive: "a.tar"}}, Archives: []images.Archive{{Name: "a.tar"}}}
	pulled := images.ImageFacts{Needed: []images.NeededImage{{Name: image}}}
	stored := images.ImageFacts{Needed: []images.NeededImage{{Name: image, Stored: true}}}
	anything := `{"default":[{"type":"insecureAcceptAnything"}]}`
	for _, c := range []struct {
		name   string
		policy string
		minor  string
		images images.ImageFacts
		says   []string // one for each fault
	}{
		{"anything, from archives", anything, "1.26", archived, nil},
		{"anything, from archives, asked at the start", anything, "1.34", archived, nil},
		{"anything, from a registry", anything, "1.34", pulled, nil},
		{"signed only, from archives", signedOnly, "1.26", archived, []string{`"docker-archive": {"": [{"type": "insecureAcceptAnything"}]}`}},
		{"signed only, from archives, asked at the start", signedOnly, "1.34", archived, []string{`"docker-archive"`, `"docker" there: "r.test/k8s/pause:3.9"`}},
		{"signed only, by a key that is not there", signedOnly, "1.26", pulled, []string{"chmod 0644 /nowhere.gpg"}},
		{"signed only, stored", signedOnly, "1.26", stored, nil},
		{"archives only, from archives", archives, "1.26", archived, nil},
		{"archives only, from archives, asked at the start", archives, "1.34", archived, []string{`"docker" there`}},
		{"archives only, from a registry", archives, "1.26", pulled, []string{`"docker" there: "r.test/k8s/pause:3.9"`}},
		{"both, from archives, asked at the start", both, "1.34", archived, nil},
		{"both, from a registry", both, "1.34", pulled, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "policy.json")
			if err := os.WriteFile(path, []byte(c.policy), 0o600); err != nil {
				t.Fatal(err)
			}
			c.images.Policy = images.ReadPolicy(path)
			found := Separate(CheckPolicy(Facts{Images: c.images}, node.Node{Kubernetes: "v" + c.minor + ".3"}))
			if len(found) != len(c.says) {
				t.Fatalf("got %+v, want %d", found, len(c.says))
			}
			for i, says := range c.says {
				if f := found[i]; !strings.Contains(f.Remedy.String(), says) || !strings.Contains(f.Error(), images.PolicyFile) {
					t.Errorf("got %v, want a remedy that says %q", f, says)
				}
			}
		})
	}
}
