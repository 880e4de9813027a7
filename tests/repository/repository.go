package repository

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

// Build returns a repository of a generation's packages.
func Build(ctx context.Context, g generation.Generation, built programs.Programs, root string) (string, error) {
	source, err := sources()
	if err != nil {
		return "", err
	}
	inputs := []string{source, fmt.Sprint(g), root}
	for _, project := range slices.Sorted(maps.Keys(built)) {
		inputs = append(inputs, built[project])
	}
	return cache.Get(ctx, "repository-"+g.Name, inputs, func(ctx context.Context, dir string) error {
		return makeAll(ctx, g, built, root, dir)
	})
}

// sources is this package's own text: a change of it makes all anew.
func sources() (string, error) {
	var all strings.Builder
	for _, name := range []string{"repository/packages.go", "repository/repository.go", "repository/scripts.go", "repository/spec.go", "repository/updates.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("reading the repository's sources (run it in tests/): %w", err)
		}
		all.Write(text)
	}
	return all.String(), nil
}

func makeAll(ctx context.Context, g generation.Generation, built programs.Programs, root, dir string) error {
	all := slices.Concat(kubernetes(g, built), others(g, built, root))
	base, err := basePackage(ctx, root)
	if err != nil {
		return err
	}
	plugins, err := cniPackage(ctx, root)
	if err != nil {
		return err
	}
	for _, p := range append(all, base, plugins) {
		if err := p.write(ctx, dir); err != nil {
			return fmt.Errorf("package %s: %w", p.name, err)
		}
	}
	return Index(ctx, dir)
}

// Index makes or renews the repodata of a folder of RPMs.
func Index(ctx context.Context, dir string) error {
	if out, err := exec.CommandContext(ctx, "createrepo_c", "--quiet", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("indexing the repository: %w\n%s", err, out)
	}
	return nil
}

// basePackage provides the names of what the base system has already, in
// its real versions, and holds nothing.
func basePackage(ctx context.Context, root string) (pkg, error) {
	base := pkg{name: "alt-base", version: "10", provides: []string{"/bin/sh"}, files: []file{
		// On ALT systemd's own package has these folders.
		{path: "/usr/lib/modules-load.d", folder: true, mode: 0o755},
		{path: "/usr/lib/sysctl.d", folder: true, mode: 0o755},
	}}
	for alt, b := range bases() {
		version, err := debianVersion(ctx, root, b.debian)
		if err != nil {
			return base, err
		}
		if b.epoch != "" {
			version = b.epoch + ":" + version
		}
		base.provides = append(base.provides, alt+" = "+version+"-alt1")
	}
	slices.Sort(base.provides)
	return base, nil
}

// cniPackage carries Debian's CNI plugins where ALT has them.
func cniPackage(ctx context.Context, root string) (pkg, error) {
	version, err := debianVersion(ctx, root, "containernetworking-plugins")
	if err != nil {
		return pkg{}, err
	}
	plugins := pkg{name: "cni-plugins", version: version, files: []file{{path: "/usr/libexec/cni", folder: true, mode: 0o755}}}
	names, err := filepath.Glob(filepath.Join(root, "usr/lib/cni/*"))
	if err != nil || len(names) == 0 {
		return plugins, fmt.Errorf("the root file system has no CNI plugins")
	}
	for _, name := range names {
		plugins.files = append(plugins.files, file{path: "/usr/libexec/cni/" + filepath.Base(name), source: name, mode: 0o755})
	}
	return plugins, nil
}

// debianVersion asks the root's own database for an upstream version.
func debianVersion(ctx context.Context, root, name string) (string, error) {
	cmd := exec.CommandContext(ctx, "dpkg-query", "--admindir="+filepath.Join(root, "var/lib/dpkg"), "-W", "-f", "${Version}", name)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking for the version of %s: %w", name, err)
	}
	version := string(out)
	if _, rest, found := strings.Cut(version, ":"); found {
		version = rest
	}
	if at := strings.LastIndex(version, "-"); at > 0 {
		version = version[:at]
	}
	return version, nil
}
