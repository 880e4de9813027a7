package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// Build compiles the program, makes the package and returns its path. The
// same commit gives the same bytes, but for signatures: all times are the
// newest release's.
func Build(r Request) (string, error) {
	p, err := Describe(r)
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "podsec-k8s-rpm-")
	if err != nil {
		return "", fmt.Errorf("making a work folder: %w", err)
	}
	defer os.RemoveAll(work) //nolint:errcheck // a folder of /tmp
	built := filepath.Join(work, p.Program.Name)
	if err := p.compile(built); err != nil {
		return "", err
	}
	data, err := p.rpm(built)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return "", fmt.Errorf("making the output folder: %w", err)
	}
	path := filepath.Join(r.Out, fmt.Sprintf("%s-%s-%s.%s.rpm", p.Name, p.Version, p.Release, p.Arch))
	return path, write(path, data)
}
