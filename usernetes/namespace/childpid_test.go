package namespace

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// TestAwaitChildPID: the namespaces are ready when others can find them, and
// not while RootlessKit's file is missing or empty.
func TestAwaitChildPID(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if err := os.MkdirAll(node.RootlessKitDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 3*wait.Debounce)
	defer cancel()
	if err := awaitChildPID(short); err == nil {
		t.Fatal("ready without the file")
	}
	if err := os.WriteFile(ChildPIDFile(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(wait.Debounce / 2)
		part := filepath.Join(node.RootlessKitDir(), "part")
		if err := os.WriteFile(part, []byte("4711"), 0o600); err == nil {
			os.Rename(part, ChildPIDFile()) //nolint:errcheck // childPID tells
		}
	}()
	if err := awaitChildPID(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pid, err := ChildPID(); err != nil || pid != 4711 {
		t.Errorf("child %d, %v", pid, err)
	}
}
