package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// Endpoint is the name by which several control planes are one. Every node
// has it in /etc/hosts with all of their addresses.
const Endpoint = "api.podsec.test:6443"

// A Cluster is the nodes of one Kubernetes cluster, their names a prefix
// with m1, m2, …, w1, w2, ….
type Cluster struct{ Masters, Workers []*Node }

// A Booter boots a node by its name.
type Booter func(ctx context.Context, g generation.Generation, name string) (*Node, error)

// All returns the masters and the workers.
func (c Cluster) All() []*Node { return append(append([]*Node{}, c.Masters...), c.Workers...) }

// BootCluster boots nodes that know each other's endpoint; boot is Boot or
// BootReady.
func BootCluster(ctx context.Context, boot Booter, g generation.Generation, prefix string, masters, workers int) (c Cluster, err error) {
	for i := range masters + workers {
		name := fmt.Sprintf("%sm%d", prefix, i+1)
		if i >= masters {
			name = fmt.Sprintf("%sw%d", prefix, i+1-masters)
		}
		n, err := boot(ctx, g, name)
		if err != nil {
			return c, err
		}
		if i < masters {
			c.Masters = append(c.Masters, n)
		} else {
			c.Workers = append(c.Workers, n)
		}
	}
	host, _, _ := strings.Cut(Endpoint, ":")
	var hosts strings.Builder
	for _, m := range c.Masters {
		fmt.Fprintf(&hosts, "%s %s\n", m.Address, host)
	}
	return c, each(c.All(), func(n *Node) error {
		return n.Exec(ctx, "cat >> /etc/hosts", strings.NewReader(hosts.String()), nil, nil)
	})
}

// Install installs podsec-k8s on all nodes at once.
func (c Cluster) Install(ctx context.Context) error {
	return each(c.All(), func(n *Node) error { return n.Quietly(ctx, "dnf -q -y install podsec-k8s") })
}

// Create makes the first control plane.
func (c Cluster) Create(ctx context.Context, out io.Writer) error {
	command := "podsec-k8s-create-master"
	if len(c.Masters) > 1 {
		command += " --upload-certs --control-plane-endpoint " + Endpoint
	}
	return c.Masters[0].Exec(ctx, command, nil, out, out)
}

// Join joins the other control planes one after another, then the workers
// all at once.
func (c Cluster) Join(ctx context.Context) error {
	for _, m := range c.Masters[1:] {
		if err := c.join(ctx, m, " --control-plane"); err != nil {
			return err
		}
	}
	return each(c.Workers, func(n *Node) error { return c.join(ctx, n, "") })
}

func (c Cluster) join(ctx context.Context, n *Node, flags string) error {
	line, err := c.Masters[0].Output(ctx, "podsec-k8s token create --print-join-command"+flags)
	if err != nil {
		return fmt.Errorf("making a token: %w\n%s", err, line)
	}
	return n.Quietly(ctx, line)
}

// Quietly runs a command that says something only when it fails.
func (n *Node) Quietly(ctx context.Context, command string) error {
	var out bytes.Buffer
	if err := n.Exec(ctx, command, nil, &out, &out); err != nil {
		return fmt.Errorf("node %s: %w\n%s", n.Name, err, out.String())
	}
	return nil
}

// each does something with all nodes at once.
func each(nodes []*Node, do func(*Node) error) error {
	faults := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { faults[i] = do(n) })
	}
	all.Wait()
	return errors.Join(faults...)
}
