package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestHelperLinksNoGiants keeps the helper small and quick to start: rpmpack is
// for the build, and Kubernetes is spoken to through its own programs.
func TestHelperLinksNoGiants(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		for _, giant := range []string{"github.com/goreleaser/", "github.com/google/rpmpack", "k8s.io/", "sigs.k8s.io/"} {
			if strings.HasPrefix(path, giant) {
				t.Errorf("the helper links %s", path)
			}
		}
	}
}

// helper builds the program as the package has it, and returns its path.
func helper(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "podsec-k8s")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "urfave_cli_no_docs", "-gcflags", "github.com/...=-l", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// sizeLimit is how large the helper may be, in bytes: every unit runs it.
const sizeLimit = 15e6

func TestHelperIsSmall(t *testing.T) {
	info, err := os.Stat(helper(t))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > sizeLimit {
		t.Errorf("the helper has %d bytes, more than %.0f", info.Size(), float64(sizeLimit))
	}
}

// BenchmarkVersion prints how long the helper takes from its start to its end.
func BenchmarkVersion(b *testing.B) {
	path := helper(b)
	for b.Loop() {
		if err := exec.CommandContext(b.Context(), path, "--version").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
