package usernetes

import (
	"errors"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

// TestCopyFault: what keeps an image out of the storage has its remedy.
func TestCopyFault(t *testing.T) {
	for stderr, remedy := range map[string]string{
		`time="…" level=fatal msg="writing blob: storing blob to file \"/var/tmp/x\": write: no space left on device"`: "make room",
		`time="…" level=fatal msg="Source image rejected: Running image x is rejected by policy."`:                     "policy.json",
		`potentially insufficient UIDs or GIDs available in user namespace (requested 70000:70000 for /x)`:             "SUBORDINATE_IDS",
	} {
		err := copyFault(&host.CommandError{Argv: []string{"skopeo"}, Status: 1, Stderr: stderr, Err: errors.New("exit status 1")})
		if f := host.AsFault(err); !strings.Contains(f.Remedy, remedy) {
			t.Errorf("%s: %v, %q", stderr, err, f.Remedy)
		}
	}
}
