package usernetes

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAwaitChildPID: the namespaces are ready when others can find them, and
// not while RootlessKit's file is missing or empty.
func TestAwaitChildPID(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if err := os.MkdirAll(rootlessKitDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 3*settle)
	defer cancel()
	if err := awaitChildPID(short, Node{}); err == nil {
		t.Fatal("ready without the file")
	}
	if err := os.WriteFile(childPIDFile(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(settle / 2)
		part := filepath.Join(rootlessKitDir(), "part")
		if err := os.WriteFile(part, []byte("4711"), 0o600); err == nil {
			os.Rename(part, childPIDFile()) //nolint:errcheck // childPID tells
		}
	}()
	if err := awaitChildPID(t.Context(), Node{}); err != nil {
		t.Fatal(err)
	}
	if pid, err := childPID(); err != nil || pid != 4711 {
		t.Errorf("child %d, %v", pid, err)
	}
}
