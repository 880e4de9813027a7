package ports

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
)

// TestMain gives the tests a network and a /var/lib of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib")
	os.Exit(m.Run())
}

// playNamespaces lets this process' own namespaces be those of the node.
func playNamespaces(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for path, text := range map[string]string{
		namespace.ChildPIDFile():      strconv.Itoa(os.Getpid()),
		filepath.Join(dir, "nsenter"): "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
