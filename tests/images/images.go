package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/tests/cache"
	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

// Repository is the name that the tests' images are under. No registry
// answers to it.
const Repository = "registry.local"

// Build returns a folder with pause.tar, coredns.tar and web.tar for a
// generation.
func Build(ctx context.Context, g generation.Generation, built programs.Programs) (string, error) {
	inputs, err := sources("images/archive.go", "images/pause/main.go", "images/web/main.go", "images/web/files.go")
	if err != nil {
		return "", err
	}
	inputs = append(inputs, g.Pause, g.CoreDNS, built["coredns"])
	return cache.Get(ctx, "images-"+g.Name, inputs, func(ctx context.Context, dir string) error {
		return makeAll(ctx, g, built, dir)
	})
}

// BuildControlPlane returns a folder with an archive for each part of a
// control plane that runs in static pods: the rootful cluster which ours is
// measured against needs them.
func BuildControlPlane(ctx context.Context, g generation.Generation, built programs.Programs) (string, error) {
	inputs, err := sources("images/archive.go")
	if err != nil {
		return "", err
	}
	inputs = append(inputs, g.EtcdImage, built["kubernetes"], built["etcd"])
	return cache.Get(ctx, "control-plane-"+g.Name, inputs, func(_ context.Context, dir string) error {
		for _, image := range []struct{ project, name, tag string }{
			{"kubernetes", "kube-apiserver", g.Kubernetes},
			{"kubernetes", "kube-controller-manager", g.Kubernetes},
			{"kubernetes", "kube-scheduler", g.Kubernetes},
			{"etcd", "etcd", g.EtcdImage},
		} {
			ref := Repository + "/" + image.name + ":" + image.tag
			if err := writeFile(filepath.Join(dir, image.name+".tar"), ref, image.name, built.Path(image.project, image.name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// sources reads files below tests/, for the key of what is made from them.
func sources(paths ...string) (texts []string, err error) {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the images' sources (run it in tests/): %w", err)
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

func makeAll(ctx context.Context, g generation.Generation, built programs.Programs, dir string) error {
	for _, name := range []string{"pause", "web"} {
		if err := compile(ctx, name, dir); err != nil {
			return err
		}
	}
	for _, image := range []struct{ name, tag, program string }{
		{"pause", g.Pause, filepath.Join(dir, "pause")},
		{"web", "1", filepath.Join(dir, "web")},
		{"coredns", g.CoreDNS, built.Path("coredns", "coredns")},
	} {
		ref := Repository + "/" + image.name + ":" + image.tag
		if err := writeFile(filepath.Join(dir, image.name+".tar"), ref, image.name, image.program); err != nil {
			return err
		}
	}
	return nil
}

// compile builds a program of tests/images into a folder.
func compile(ctx context.Context, name, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), "./images/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return nil
}
