package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTransaction: the lock of a package manager is seen from another process,
// and only while it is held.
func TestTransaction(t *testing.T) {
	h := &Host{Root: t.TempDir()}
	ask := func(when string, want bool) {
		t.Helper()
		if got, err := h.Transaction(); err != nil || got != want {
			t.Errorf("%s: %t, %v", when, got, err)
		}
	}
	ask("without rpm", false)
	path := filepath.Join(h.Root, TransactionLock)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ask("before", false)
	holder := exec.CommandContext(t.Context(), "python3", "-c",
		"import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('locked', flush=True); sys.stdin.read()", path)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, len("locked"))); err != nil {
		t.Fatal(err)
	}
	ask("meanwhile", true)
	in.Close()    //nolint:errcheck // it ends the other process
	holder.Wait() //nolint:errcheck // it has nothing to say
	ask("afterwards", false)
}
