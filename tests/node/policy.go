package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// policySources match what podsec-k8s-network-policy is made of, in the checkout.
func policySources() []string {
	return []string{
		"rpm/*.go", "rpm/network-policy/go.*", "deps/pins.go", "scriptlets/policy-*.sh", "units/modules-load.d/podsec-k8s-network-policy.conf",
		"docs/network-policy.md", "LICENSE", "CHANGELOG.md",
	}
}

// PolicyPackage returns a directory with podsec-k8s-network-policy for the node's
// generation, built now or before: its program takes minutes. Every node sees the cache,
// where it is.
func (n *Node) PolicyPackage(ctx context.Context) (string, error) {
	g, err := generation.Named(n.Generation)
	if err != nil {
		return "", err
	}
	inputs := []string{g.Minor()}
	for _, pattern := range policySources() {
		paths, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil || len(paths) == 0 {
			return "", fmt.Errorf("there is no %s: run it in tests/", pattern)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("reading what podsec-k8s-network-policy is made of: %w", err)
			}
			inputs = append(inputs, string(text))
		}
	}
	return cache.Get(ctx, "network-policy-"+g.Name, inputs, func(ctx context.Context, dir string) error {
		cmd := exec.CommandContext(ctx, "go", "run", "./rpm", "--package", "podsec-k8s-network-policy", "--kubernetes", g.Minor(), "--out", dir)
		cmd.Dir, cmd.Stderr = "..", os.Stderr
		return cmd.Run()
	})
}
