package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/certs"
)

// TestOwnCertificates: of root's kubeconfigs those count that are as we write them.
func TestOwnCertificates(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	access, _ := clusterFor(t, until)
	data, err := access.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(home, ".kube/config")
	if err := os.Mkdir(filepath.Dir(first), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{first: string(data), first + ".podsec-k8s": string(data) + "# mine\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := ownCertificates()
	if err != nil || len(all) != 1 || all[0].Path != first || all[0].Keeper != certs.KeptByUs || !all[0].Ends.Equal(until) {
		t.Errorf("got %+v, %v", all, err)
	}
}
