package preflight

import (
	"maps"
	"os"
	"testing"
)

// TestWithVersions: each program says its version in its own way, or not at all.
func TestWithVersions(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for name, says := range map[string]string{
		"etcd": `echo "etcd Version: 3.6.4"; echo "Git SHA: 1.2.3"`, "kubelet": `echo Kubernetes v1.34.4`, "kube-apiserver": `echo Kubernetes v1.35.0-rc.1+alt`,
		"kube-scheduler": `echo nonsense`, "kube-controller-manager": `echo Kubernetes v1.34.4; exit 1`,
	} {
		if err := os.WriteFile(dir+"/"+name, []byte("#!/bin/sh\n"+says+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"etcd": "3.6.4", "kubelet": "v1.34.4", "kube-apiserver": "v1.35.0-rc.1+alt"}
	if got := (Facts{}).WithVersions(t.Context()).Versions; !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
