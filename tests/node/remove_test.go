package node

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestRemoveDeep: a folder that is deeper than a process may have files open.
func TestRemoveDeep(t *testing.T) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	few := was
	few.Cur = 64
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was) }) //nolint:errcheck // the test is over
	top := filepath.Join(t.TempDir(), "node")
	deep := top
	for range 300 {
		deep += "/deep"
	}
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := remove(top); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(top); err == nil {
		t.Error("it is still there")
	}
}
