package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkVersion prints how long the helper of the package takes from its start
// to its end.
func BenchmarkVersion(b *testing.B) {
	p, err := Describe(testRequest(b, "1.26"))
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), helper)
	if err := p.compile(path); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := exec.CommandContext(b.Context(), path, "--version").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
