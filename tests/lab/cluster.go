package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// cluster makes a cluster of several nodes and shows it Ready.
func cluster(ctx context.Context, g generation.Generation, masters, workers string) error {
	m, errM := strconv.Atoi(masters)
	w, errW := strconv.Atoi(workers)
	if errors.Join(errM, errW) != nil || m < 1 || m > 9 || w < 0 || w > 9 {
		return fmt.Errorf("%s masters and %s workers: 1 to 9 masters and 0 to 9 workers can be had", masters, workers)
	}
	var c node.Cluster
	return runStages(ctx, []stage{
		{"programs, images, repository, root", func(ctx context.Context) error { _, err := node.Prepare(ctx, g); return err }},
		{"package", func(ctx context.Context) error { return node.Package(ctx, g) }},
		{"boot", func(ctx context.Context) (err error) {
			c, err = node.BootCluster(ctx, node.Boot, g, "", m, w)
			return err
		}},
		{"install", func(ctx context.Context) error { return c.Install(ctx) }},
		{"create-master", func(ctx context.Context) error { return c.Create(ctx, os.Stdout) }},
		{"join", func(ctx context.Context) error { return c.Join(ctx) }},
		{"cluster", func(ctx context.Context) error {
			return c.Masters[0].Exec(ctx, "podsec-k8s kubectl wait --timeout=120s --for=condition=Ready node --all && podsec-k8s kubectl get nodes -o wide && "+
				"podsec-k8s kubectl get pods -A -o wide", nil, os.Stdout, os.Stderr)
		}},
	})
}
