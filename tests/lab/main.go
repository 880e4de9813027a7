// Command lab makes and runs the test nodes. The Makefile calls it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/node"
)

const usage = `lab VERB …, run in tests/; GEN=MINOR picks another generation than the default

  up                 build the package, boot the node m1, install it, make a cluster
  cluster M W        the same with M masters m1… and W workers w1…
  node NAME          boot a bare node, with the repository configured
  offer NAME         give a node the packages of the generation, as newer ones
  exec NAME COMMAND  run a shell command in a node as root; its exit status is passed on
  shell NAME         a shell in a node
  list               the nodes that run
  down [NAME]        end a node, or all of them
  build              make what nodes of the generation are made of: programs, images,
                     repository, root`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	var failed *node.ExitError
	if bare := err; errors.As(err, &failed) && bare == error(failed) { //nolint:errorlint // what exec passes on is bare
		os.Exit(failed.Status)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	g, err := generation.FromEnv()
	if err != nil {
		return err
	}
	verb, rest := "", []string(nil)
	if len(args) > 0 {
		verb, rest = args[0], args[1:]
	}
	switch {
	case verb == "up" && len(rest) == 0:
		return up(ctx, g)
	case verb == "cluster" && len(rest) == 2:
		return cluster(ctx, g, rest[0], rest[1])
	case verb == "build" && len(rest) == 0:
		_, err := node.Prepare(ctx, g)
		return err
	case verb == "node" && len(rest) == 1:
		return boot(ctx, g, rest[0])
	case verb == "offer" && len(rest) == 1:
		return offer(ctx, g, rest[0])
	case verb == "exec" && len(rest) == 2:
		return execute(ctx, rest[0], rest[1])
	case verb == "shell" && len(rest) == 1:
		return shell(ctx, rest[0])
	case verb == "list" && len(rest) == 0:
		return list()
	case verb == "down" && len(rest) == 0:
		return node.DownAll(ctx)
	case verb == "down" && len(rest) == 1:
		return node.Down(ctx, rest[0])
	default:
		return errors.New(usage)
	}
}

func boot(ctx context.Context, g generation.Generation, name string) error {
	if err := node.Package(ctx, g); err != nil {
		return err
	}
	n, err := node.Boot(ctx, g, name)
	if err != nil {
		return err
	}
	fmt.Printf("node %s is up: %s, Kubernetes %s\n", n.Name, n.Address, g.Name)
	return nil
}

func offer(ctx context.Context, g generation.Generation, name string) error {
	n, err := node.Find(name)
	if err != nil {
		return err
	}
	if err := node.Package(ctx, g); err != nil {
		return err
	}
	images, err := n.Offer(ctx, g)
	if err != nil {
		return err
	}
	fmt.Printf("node %s has the packages of Kubernetes %s, and their images in %s\n", n.Name, g.Kubernetes, images)
	return nil
}

func execute(ctx context.Context, name, command string) error {
	n, err := node.Find(name)
	if err != nil {
		return err
	}
	return n.Exec(ctx, command, os.Stdin, os.Stdout, os.Stderr)
}

func shell(ctx context.Context, name string) error {
	n, err := node.Find(name)
	if err != nil {
		return err
	}
	return n.Shell(ctx)
}

func list() error {
	all, err := node.List()
	if err != nil {
		return err
	}
	for _, n := range all {
		fmt.Printf("%s\t%s\t%s\n", n.Name, n.Address, n.Generation)
	}
	return nil
}
