package images

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

// TestPolicyScopes: of the scopes that an image is in, the narrowest holds.
func TestPolicyScopes(t *testing.T) {
	policy, err := ParsePolicy([]byte(`{"default": [{"type": "reject"}], "transports": {"docker": {
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
		if err := (PolicyFacts{Policy: policy}).CheckRegistry(image); (err == nil) != taken {
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
			_, err := ParsePolicy([]byte(text))
			var f *host.Fault
			if err == nil || !errors.As(PolicyFacts{Err: err}.CheckReadable(), &f) || !strings.Contains(f.Remedy.String(), "containers-policy.json(5)") {
				t.Errorf("got %v, %v", err, f)
			}
		})
	}
	if err := ReadPolicy("/nowhere.json").CheckReadable(); !errors.Is(err, fs.ErrNotExist) {
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
