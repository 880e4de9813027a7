package usernetes

import (
	"errors"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestCopyFault: what keeps an image out of the storage has its remedy.
func TestCopyFault(t *testing.T) {
	for stderr, remedy := range map[string]string{
		`time="…" level=fatal msg="writing blob: storing blob to file \"/var/tmp/x\": write: no space left on device"`: "free disk space",
		`time="…" level=fatal msg="Source image rejected: Running image x is rejected by policy."`:                     "policy.json",
		`potentially insufficient UIDs or GIDs available in user namespace (requested 70000:70000 for /x)`:             "SUBORDINATE_IDS",
	} {
		err := copyFault(&host.CommandError{Argv: []string{"skopeo"}, Status: 1, Stderr: stderr, Err: errors.New("exit status 1")})
		if f := host.AsFault(err); !strings.Contains(f.Remedy.String(), remedy) {
			t.Errorf("%s: %v, %q", stderr, err, f.Remedy)
		}
	}
}

// TestLoadIsCheckedBefore: what image load would refuse in the middle, or what
// could never run, is told of first.
func TestLoadIsCheckedBefore(t *testing.T) {
	good := images.Archive{Name: "a.tar", Images: []images.ArchivedImage{{Names: []string{"r.test/shop:1"}}}}
	cut := images.Archive{Name: "b.tar", Err: host.NewFault("copy it", "cut short")}
	loose, errLoose := images.ParsePolicy([]byte(`{"default":[{"type":"insecureAcceptAnything"}]}`))
	strict, errStrict := images.ParsePolicy([]byte(`{"default":[{"type":"reject"}],"transports":{"docker":{"r.test":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/nowhere.gpg"}]}}}`))
	if err := errors.Join(errLoose, errStrict); err != nil {
		t.Fatal(err)
	}
	for _, minor := range deps.Minors() {
		n := node.Node{Kubernetes: "v" + minor.Version + ".3"}
		if err := checkLoad(n, []images.Archive{good}, images.PolicyFacts{Policy: loose}); err != nil {
			t.Error(err)
		}
		if err := checkLoad(n, []images.Archive{good, cut}, images.PolicyFacts{Policy: loose}); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("a cut archive: %v", err)
		}
		if err := checkLoad(n, []images.Archive{good}, images.PolicyFacts{Policy: strict}); err == nil || strings.Contains(err.Error(), "r.test/shop:1") != minor.PolicyAtStart {
			t.Errorf("a policy: %v", err)
		}
	}
}
