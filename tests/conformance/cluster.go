package main

import (
	"context"
	"os"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/images"
	"github.com/alt-cloud/podsec-k8s/tests/node"
	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

// prefix is before the names of the nodes: make up and make cluster have others.
const prefix = "c-"

// A suite is the folder of the tests, and the archive with the images of their pods.
// Every node has both at the same place.
type suite struct{ programs, images string }

// buildSuite makes the suite of a generation, or finds it.
func buildSuite(ctx context.Context, g generation.Generation) (s suite, err error) {
	built, err := programs.Build(ctx, g)
	if err != nil {
		return s, err
	}
	if s.programs, err = programs.BuildSuite(ctx, g); err != nil {
		return s, err
	}
	s.images, err = images.BuildSuite(ctx, g, built, s.programs)
	return s, err
}

// makeCluster makes a master and a worker by the package, both for pods: the suite
// wants two nodes.
func makeCluster(ctx context.Context, c choice, images string, policies bool) (cluster node.Cluster, err error) {
	if err := node.Package(ctx, c.generation); err != nil {
		return cluster, err
	}
	if cluster, err = node.BootCluster(ctx, node.BootReady, c.generation, prefix, 1, 1); err != nil {
		return cluster, err
	}
	for _, n := range cluster.All() {
		if err := n.Quietly(ctx, enoughDisk+" && "+setNetwork(c.network)); err != nil {
			return cluster, err
		}
	}
	if err := cluster.Install(ctx); err != nil {
		return cluster, err
	}
	if policies {
		if err := installPolicies(ctx, cluster); err != nil {
			return cluster, err
		}
	}
	if err := cluster.Create(ctx, os.Stdout); err != nil {
		return cluster, err
	}
	if err := cluster.Join(ctx); err != nil {
		return cluster, err
	}
	for _, n := range cluster.All() {
		if err := n.Quietly(ctx, "podsec-k8s image load "+images); err != nil {
			return cluster, err
		}
	}
	return cluster, cluster.Masters[0].Quietly(ctx, ready)
}

// installPolicies has every node enforce NetworkPolicies.
func installPolicies(ctx context.Context, cluster node.Cluster) error {
	for _, n := range cluster.All() {
		directory, err := n.PolicyPackage(ctx)
		if err != nil {
			return err
		}
		if err := n.Quietly(ctx, "dnf -q -y install "+directory+"/*.rpm"); err != nil {
			return err
		}
	}
	return nil
}

// enoughDisk fails where the disk may become so full meanwhile that the kubelet deletes
// images, which no registry has.
// Source: the Kubernetes documentation, "Garbage Collection", HighThresholdPercent.
const enoughDisk = `df --output=avail,size / | awk 'NR == 2 && $1 * 100 < $2 * 20 { print "less than 20 percent of the disk are free: below 15 the kubelet deletes images"; exit 1 }' >&2`

// setNetwork picks the network mode of a node before its cluster is made.
func setNetwork(network string) string {
	command := node.WholePackets
	if network != "" {
		command += " && mkdir -p /etc/podsec-k8s && echo NETWORK=" + network + " > /etc/podsec-k8s/91-conformance.conf"
	}
	return command
}

// ready lets the master take pods and waits until all is there.
const ready = "export KUBECONFIG=/root/.kube/config; kubectl taint node $(hostname) node-role.kubernetes.io/control-plane- && " +
	"kubectl wait --timeout=240s --for=condition=Ready node --all && kubectl -n kube-system rollout status --timeout=240s deployment/coredns"

// endCluster ends the nodes of the last run, or of this one.
func endCluster(ctx context.Context) error {
	for _, name := range []string{prefix + "m1", prefix + "w1"} {
		if err := node.Down(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
