package repository

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

// Updates returns a folder with two packages that take the place of a
// generation's kubelet: the next build, alt2, and kubernetes-next-kubelet, which
// has another name as the one of another minor has.
func Updates(ctx context.Context, g generation.Generation, built programs.Programs) (string, error) {
	source, err := sources()
	if err != nil {
		return "", err
	}
	return cache.Get(ctx, "updates-"+g.Name, []string{source, fmt.Sprint(g), built["kubernetes"]}, func(ctx context.Context, dir string) error {
		all := kubernetes(g, built)
		at := slices.IndexFunc(all, func(p pkg) bool { return strings.HasSuffix(p.name, "-kubelet") })
		newer := all[at]
		newer.release = "alt2"
		newer.provides, newer.conflicts = nil, nil
		other := newer
		other.name, other.obsoletes = "kubernetes-next-kubelet", []string{newer.name}
		for _, p := range []pkg{newer, other.instead("kubernetes-kubelet")} {
			if err := p.write(ctx, dir); err != nil {
				return fmt.Errorf("package %s: %w", p.name, err)
			}
		}
		return nil
	})
}
