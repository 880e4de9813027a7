package node

import (
	"os"
	"path/filepath"
	"testing"
)

// TestProgramOf: during an upgrade the node is of the older version, and the newer one is
// installed: each program has to be that of the version that is asked for.
func TestProgramOf(t *testing.T) {
	kept, bin := t.TempDir(), t.TempDir()
	for path, version := range map[string]string{kept + "/old": "v1.34.3", kept + "/new": "v1.34.4", bin: "v1.34.4"} {
		for _, name := range []string{"kubelet", "kube-apiserver"} {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\necho Kubernetes "+version+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	places := []string{bin + "/none", bin}
	for _, c := range []struct {
		name    string
		of      programs
		program string
		want    string
	}{
		{"another is installed", programs{"v1.34.3", kept + "/old", places}, "kube-apiserver", kept + "/old/kube-apiserver"},
		{"it is installed", programs{"v1.34.4", kept + "/new", places}, "kube-apiserver", bin + "/kube-apiserver"},
		{"none is installed", programs{"v1.34.4", kept + "/new", nil}, "kube-apiserver", kept + "/new/kube-apiserver"},
		{"no such version is kept", programs{"v1.34.5", kept + "/newer", places}, "kube-apiserver", "kube-apiserver"},
		{"any version", programs{"", kept, places}, "kube-apiserver", "kube-apiserver"},
		{"not kept", programs{"v1.34.3", kept + "/old", places}, "etcd", "etcd"},
		{"a path", programs{"v1.34.3", kept + "/old", places}, "/opt/kube-apiserver", "/opt/kube-apiserver"},
	} {
		if got := c.of.path(c.program); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
