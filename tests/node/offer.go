package node

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// Offer gives the node the packages of another generation, beside those that it has:
// what a mirror does when newer ones come. podsec-k8s for another minor is among
// them, built by Package before. Every node sees the cache, where they are. Offer returns
// the directory of the images that the newer version needs, in the node.
func (n *Node) Offer(ctx context.Context, g generation.Generation) (images string, err error) {
	parts, err := Prepare(ctx, g)
	if err != nil {
		return "", err
	}
	text := repositoryFile("newer", parts.Repository) + repositoryFile("newer-podsec-k8s", parts.Packages)
	err = n.Exec(ctx, "cat > /etc/yum.repos.d/newer.repo", strings.NewReader(text), nil, os.Stderr)
	if err != nil {
		return "", fmt.Errorf("offering packages to node %s: %w", n.Name, err)
	}
	return parts.Images, nil
}

// repositoryFile is a repository in dnf's settings.
// Source: dnf.conf(5), "REPO OPTIONS".
func repositoryFile(name, folder string) string {
	return fmt.Sprintf("[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\nmetadata_expire=1\n\n", name, name, folder)
}
