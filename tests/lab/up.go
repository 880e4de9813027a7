package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

// master is the node that make up leaves behind.
const master = "m1"

// A stage is one part of the main job.
type stage struct {
	title string
	run   func(context.Context) error
}

// up is the main job: from nothing to a Ready cluster that was installed as
// a package. Run again, it shows the cluster that is there.
func up(ctx context.Context, g generation.Generation) error {
	var n *node.Node
	in := func(command string) func(context.Context) error {
		return func(ctx context.Context) error { return n.Exec(ctx, command, nil, os.Stdout, os.Stderr) }
	}
	show := stage{"cluster", in("podsec-k8s kubectl get nodes -o wide && podsec-k8s kubectl get pods -A -o wide && " +
		"podsec-k8s kubectl get clusterroles --no-headers | wc -l | sed 's/$/ cluster roles/'")}
	if found, err := node.Find(master); err == nil {
		n = found
		fmt.Printf("node %s is up already\n", master)
		return runStages(ctx, []stage{show})
	} else if !errors.Is(err, node.ErrNoNode) {
		return err
	}
	return runStages(ctx, []stage{
		{"programs, images, repository, root", func(ctx context.Context) error { _, err := node.Prepare(ctx, g); return err }},
		{"package", func(ctx context.Context) error { return node.Package(ctx, g) }},
		{"boot", func(ctx context.Context) (err error) { n, err = node.Boot(ctx, g, master); return err }},
		{"install", in("dnf -q -y install podsec-k8s")},
		{"create-master", in("podsec-k8s-create-master")},
		show,
	})
}

func runStages(ctx context.Context, stages []stage) error {
	start := time.Now()
	var took []time.Duration
	for _, s := range stages {
		began := time.Now()
		fmt.Printf("== %s\n", s.title)
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		took = append(took, time.Since(began))
	}
	for i, s := range stages {
		fmt.Printf("%8.1f s  %s\n", took[i].Seconds(), s.title)
	}
	fmt.Printf("%8.1f s  in all\n", time.Since(start).Seconds())
	return nil
}
