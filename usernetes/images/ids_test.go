package images

import (
	"errors"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

func TestLoadedImageLacksIDs(t *testing.T) {
	failed := &host.CommandError{Argv: []string{"skopeo"}, Status: 1, Stderr: "potentially insufficient UIDs or GIDs available in user namespace (requested 70000:70000 for /x)", Err: errors.New("exit status 1")}
	if f := new(host.Fault); !errors.As(WithIDRemedy(failed), &f) || !strings.Contains(f.Remedy.String(), "SUBORDINATE_IDS=131072") {
		t.Errorf("got %v", WithIDRemedy(failed))
	}
	failed.Stderr = "no such image"
	if f := new(host.Fault); errors.As(WithIDRemedy(failed), &f) {
		t.Errorf("got the remedy %q", f.Remedy)
	}
}
