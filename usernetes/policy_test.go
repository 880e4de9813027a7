package usernetes

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
)

func anyImage() ImagePolicy {
	return ImagePolicy{Default: []requirement{{Type: acceptAnything}}}
}

// Policies of sites.
const (
	signedOnly = `{"default":[{"type":"reject"}],"transports":{"docker":{"r.test":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/nowhere.gpg","signedIdentity":{"type":"matchRepository"}}]}}}`
	archives   = `{"default":[{"type":"reject"}],"transports":{"docker-archive":{"":[{"type":"insecureAcceptAnything"}]}}}`
	both       = `{"default":[{"type":"reject"}],"transports":{"docker-archive":{"":[{"type":"insecureAcceptAnything"}]},"docker":{"*.test":[{"type":"insecureAcceptAnything"}]}}}`
)

func TestCheckPolicy(t *testing.T) {
	const image = "r.test/k8s/pause:3.9"
	archived := ImageFacts{Needed: []NeededImage{{Name: image, Archive: "a.tar"}}, Archives: []Archive{{Name: "a.tar"}}}
	pulled := ImageFacts{Needed: []NeededImage{{Name: image}}}
	stored := ImageFacts{Needed: []NeededImage{{Name: image, Stored: true}}}
	anything := `{"default":[{"type":"insecureAcceptAnything"}]}`
	for _, c := range []struct {
		name   string
		policy string
		minor  string
		images ImageFacts
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
			c.images.Policy = readPolicy(path)
			found := separate(checkPolicy(Facts{Images: c.images}, Node{Kubernetes: "v" + c.minor + ".3"}))
			if len(found) != len(c.says) {
				t.Fatalf("got %+v, want %d", found, len(c.says))
			}
			for i, says := range c.says {
				if f := found[i]; !strings.Contains(f.Remedy, says) || !strings.Contains(f.Error(), policyFile) {
					t.Errorf("got %v, want a remedy that says %q", f, says)
				}
			}
		})
	}
}

// TestPolicyScopes: of the scopes that an image is in, the narrowest holds.
func TestPolicyScopes(t *testing.T) {
	policy, err := parsePolicy([]byte(`{"default": [{"type": "reject"}], "transports": {"docker": {
		"r.test:5000/k8s": [{"type": "signedBy"}], "r.test:5000/k8s/bad": [{"type": "reject"}], "*.wild.test": [{"type": "signedBy"}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for image, taken := range map[string]bool{
		"r.test:5000/k8s/pause:3.9":   true,
		"r.test:5000/k8s/bad:1":       false,
		"r.test:5000/other/pause:3.9": false,
		"r.test/k8s/pause:3.9":        false,
		"a.wild.test/x:1":             true,
		"docker.io/library/pause:1":   false,
	} {
		if err := (PolicyFacts{Policy: policy}).checkRegistry(image); (err == nil) != taken {
			t.Errorf("%s: %v", image, err)
		}
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":               "",
		"no JSON":               `{"default":`,
		"two documents":         `{"default":[{"type":"reject"}]} {}`,
		"no default":            `{}`,
		"an empty default":      `{"default":[]}`,
		"an unknown key":        `{"default":[{"type":"reject"}],"transport":{}}`,
		"an unknown kind":       `{"default":[{"type":"accept"}]}`,
		"another form":          `{"default":{"type":"reject"}}`,
		"an empty scope":        `{"default":[{"type":"reject"}],"transports":{"docker":{"r.test":[]}}}`,
		"an unknown kind below": `{"default":[{"type":"reject"}],"transports":{"docker":{"r.test":[{"type":"x"}]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parsePolicy([]byte(text))
			var f *host.Fault
			if err == nil || !errors.As(PolicyFacts{Err: err}.checkReadable(), &f) || !strings.Contains(f.Remedy, "containers-policy.json(5)") {
				t.Errorf("got %v, %v", err, f)
			}
		})
	}
	if err := readPolicy("/nowhere.json").checkReadable(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no policy: %v", err)
	}
}

func TestRegistryScopes(t *testing.T) {
	got := registryScopes("r.sub.test:5000/k8s/pause:3.9")
	want := []string{"r.sub.test:5000/k8s/pause:3.9", "r.sub.test:5000/k8s/pause", "r.sub.test:5000/k8s", "r.sub.test:5000", "*.sub.test", "*.test"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLoadIsCheckedBefore: what image load would refuse in the middle, or what
// could never run, is told of first.
func TestLoadIsCheckedBefore(t *testing.T) {
	good := Archive{Name: "a.tar", Images: []ArchivedImage{{Names: []string{"r.test/shop:1"}}}}
	cut := Archive{Name: "b.tar", Err: host.NewFault("copy it", "cut short")}
	strict, err := parsePolicy([]byte(signedOnly))
	if err != nil {
		t.Fatal(err)
	}
	for _, minor := range deps.Minors() {
		n := Node{Kubernetes: "v" + minor.Version + ".3"}
		if err := checkLoad(n, []Archive{good}, PolicyFacts{Policy: anyImage()}); err != nil {
			t.Error(err)
		}
		if err := checkLoad(n, []Archive{good, cut}, PolicyFacts{Policy: anyImage()}); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("a cut archive: %v", err)
		}
		if err := checkLoad(n, []Archive{good}, PolicyFacts{Policy: strict}); err == nil || strings.Contains(err.Error(), "r.test/shop:1") != minor.PolicyAtStart {
			t.Errorf("a policy: %v", err)
		}
	}
}
