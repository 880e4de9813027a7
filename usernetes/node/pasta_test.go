package node

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestNoPasta: what is missing, or too old, is named.
func TestNoPasta(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := UnfitModes(t.Context())[PastaMode]; err == nil || !strings.Contains(err.Error(), "the program pasta") {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	roottest.WriteFile(t, dir+"/pasta", "#!/bin/sh\n")
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	for help, ok := range map[string]bool{"--net=(pasta|slirp4netns)": true, "--net=slirp4netns": false} {
		roottest.WriteFile(t, dir+"/rootlesskit", "#!/bin/sh\necho '"+help+"'\n")
		if err := UnfitModes(t.Context())[PastaMode]; (err == nil) != ok {
			t.Errorf("%s: %v", help, err)
		}
	}
}
