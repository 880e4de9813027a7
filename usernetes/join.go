package usernetes

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// JoinPhases is how a further node is made, step by step.
func JoinPhases() []Phase {
	return []Phase{
		{Name: "namespaces", Title: "Starting the namespaces (RootlessKit)", Run: startNamespaces},
		{Name: "runtime", Title: "Starting the container runtime (CRI-O)", Run: startRuntime},
		{Name: "images", Title: "Loading images", Run: loadImages},
		{Name: steps.PhaseJoin, Title: "Joining the cluster (kubeadm join)", Once: true, Run: kubeadmJoin},
		{Name: "worker-network", Title: "Starting the pod network (flannel, kube-proxy)", Run: startWorkerNetwork},
		{Name: "worker-ready", Title: "Waiting for the node", Run: waitNode},
	}
}

// kubeadmJoin runs the unpatched kubeadm join. The token is in its
// configuration, which goes when the token has done its work.
func kubeadmJoin(ctx context.Context, w *Work) error {
	if err := leaveUnready(ctx, w); err != nil {
		return err
	}
	if err := clearHalfMade(ctx, w); err != nil {
		return err
	}
	if err := host.WriteFile(node.InitFile, w.Plan.Config, 0o600); err != nil {
		return err
	}
	if w.Plan.Node.APIPort != 0 {
		if err := takePolicy(ctx, w.Plan.Joins); err != nil {
			return joinFault(err)
		}
		if err := followKubeadm(ctx, w); err != nil {
			return err
		}
	}
	args := append([]string{"join", "--config=" + node.InitFile}, w.Plan.Pass...)
	if err := w.beginNetworkBeside(ctx, namespace.Program{Name: "kubeadm", Args: args}); err != nil {
		return joinFault(err)
	}
	return host.Remove(node.InitFile)
}

// joinFault gives kubeadm's failure to join the remedy for what it says of
// itself. A service that ends again and again has one.
func joinFault(err error) error {
	var known *host.Fault
	if errors.As(err, &known) {
		return err
	}
	return host.WithRemedy(err,
		"fix what kubeadm reports and run the same command again to continue; a token is valid for one day; for a new one with its command, on a control plane: podsec-k8s token create --print-join-command")
}

// beginNetworkBeside runs a program and tries meanwhile to start the network:
// kubeadm goes on waiting after the cluster has let the node in, and flanneld
// waits as well once it is started. What comes of that is not told here, for
// the phase of the network does it again.
func (w *Work) beginNetworkBeside(ctx context.Context, p namespace.Program) error {
	early, end := context.WithCancel(ctx)
	var network sync.WaitGroup
	network.Go(func() { _ = startWorkerNetwork(early, w) })
	err := status.UntilCrash(ctx, w.Manager, func(ctx context.Context) error { return w.inNode(ctx, p) })
	end()
	network.Wait()
	return err
}

// startWorkerNetwork asks the cluster for its networks, as the node that
// this machine is now, and starts the pod network and services.
func startWorkerNetwork(ctx context.Context, w *Work) error {
	api, err := awaitKnown(ctx, w.Plan.Node)
	if err != nil {
		return err
	}
	config, err := kubeadm.ClusterConfig(ctx, api)
	if err == nil && w.Plan.Node.APIPort != 0 {
		err = host.WriteFile(node.ClusterFile, config, 0o600) // for certs renew
	}
	if err == nil {
		err = takeNetworks(&w.Plan.Node, config)
	}
	if err != nil {
		return message.Errorf("getting the cluster's networks: %w", err)
	}
	facts := preflight.Facts{Addresses: node.HostAddresses()}
	facts.Routes, _ = node.HostRoutes()
	if err := preflight.CheckNetworks(facts, w.Plan.Node); err != nil {
		return err
	}
	if err := w.Plan.Node.Save(); err != nil {
		return err
	}
	return startServices(ctx, w)
}

// takeNetworks reads the networks from the cluster's configuration.
func takeNetworks(n *node.Node, data []byte) error {
	var cluster struct {
		Networking struct {
			Pods     string `yaml:"podSubnet"`
			Services string `yaml:"serviceSubnet"`
			Domain   string `yaml:"dnsDomain"`
		} `yaml:"networking"`
	}
	if err := yaml.Unmarshal(data, &cluster); err != nil {
		return message.Errorf("reading it: %w", err)
	}
	pods, err := netip.ParsePrefix(cluster.Networking.Pods)
	if err != nil {
		return message.Errorf("reading its pod network: %w", err)
	}
	services, err := netip.ParsePrefix(cluster.Networking.Services)
	if err != nil {
		return message.Errorf("reading its service network: %w", err)
	}
	n.PodCIDR, n.ServiceCIDR, n.DNSDomain = pods, services, cluster.Networking.Domain
	return nil
}
