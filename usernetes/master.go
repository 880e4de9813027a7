package usernetes

import (
	"context"
	"errors"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// startTimeout is how long the parts of a node may take to come up.
const startTimeout = 2 * time.Minute

// MasterPhases is how a control plane is made, step by step.
func MasterPhases() []Phase {
	return []Phase{
		{Name: "namespaces", Title: "Starting the namespaces (RootlessKit)", Run: startNamespaces},
		{Name: "runtime", Title: "Starting the container runtime (CRI-O)", Run: startRuntime},
		{Name: "images", Title: "Loading images", Run: loadImages},
		{Name: steps.PhaseInit, Title: "Creating the control plane (kubeadm init)", Once: true, Run: kubeadmInit},
		{Name: "network", Title: "Starting the pod network (flannel, kube-proxy)", Run: startNetwork},
		{Name: "ready", Title: "Waiting for the node and CoreDNS", Run: waitReady},
	}
}

// startNamespaces keeps the node and starts RootlessKit, anew when the node
// is not as it was.
func startNamespaces(ctx context.Context, w *Work) error {
	before, err := node.LoadNode()
	changed := err != nil || before != w.Plan.Node
	if err := w.Plan.Node.Save(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if changed {
		return w.Manager.Restart(ctx, units.RootlessKit)
	}
	return w.Manager.Start(ctx, units.RootlessKit)
}

func startRuntime(ctx context.Context, w *Work) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return w.Manager.Start(ctx, units.CRIO)
}

// kubeadmInit runs the unpatched kubeadm init.
func kubeadmInit(ctx context.Context, w *Work) error {
	if err := clearHalfMade(ctx, w); err != nil {
		return err
	}
	return runInit(ctx, w)
}

// runInit runs it where nothing of an earlier run is left.
func runInit(ctx context.Context, w *Work) error {
	if err := host.WriteFile(node.InitFile, w.Plan.Config, 0o600); err != nil {
		return err
	}
	if setting := (audit.Setting{Mode: audit.Own, Policy: w.Plan.Policy}); len(setting.Policy) > 0 {
		if err := writePolicy(setting.PolicyPath(), setting.Policy); err != nil {
			return err
		}
	}
	if err := followKubeadm(ctx, w); err != nil {
		return err
	}
	args := append([]string{"init", "--config=" + node.InitFile, "--skip-token-print", "--skip-certificate-key-print"}, w.Plan.Pass...)
	err := status.UntilCrash(ctx, w.Manager, func(ctx context.Context) error { return w.inNode(ctx, namespace.Program{Name: "kubeadm", Args: args}) })
	var failed *host.CommandError
	if !errors.As(err, &failed) || !host.Exists(node.StatePath(node.AdminConf)) {
		return err
	}
	return withEndpoint(ctx, err)
}

// withEndpoint adds to kubeadm's failure that the cluster's endpoint does not
// answer, where that is so: it may be a name that leads somewhere else.
func withEndpoint(ctx context.Context, err error) error {
	_, unanswered := outputInNode(ctx, "kubectl", "get", "--raw=/readyz", "--request-timeout=5s")
	if unanswered == nil {
		return err
	}
	return message.Errorf("%w; and the cluster's endpoint does not answer: %w", err, unanswered)
}

// followKubeadm lets the manifests that kubeadm is going to write become
// services.
func followKubeadm(ctx context.Context, w *Work) error {
	if err := host.MkdirAll(node.StatePath(node.ManifestsDir), 0o700); err != nil {
		return message.Errorf("creating the directory of manifests: %w", err)
	}
	return w.Manager.Start(ctx, units.Manifests)
}

// waitReady waits until every part of the node works, and the cluster says
// that the node and its DNS, if kubeadm makes one, are ready.
func waitReady(ctx context.Context, w *Work) error {
	if err := waitNode(ctx, w); err != nil || !w.Plan.DNS {
		return err
	}
	args := []string{"--namespace=kube-system", "rollout", "status", "--timeout=" + status.ReadyTimeout.String(), "deployment/coredns"}
	if err := w.inNode(ctx, namespace.Program{Name: "kubectl", Args: args}); err != nil {
		return host.NewFault("podsec-k8s kubectl --namespace=kube-system describe pods; journalctl _SYSTEMD_USER_UNIT=u7s-crio.service",
			"CoreDNS is not ready: %w: %s", err, dnsTrouble(ctx))
	}
	return nil
}

// waitNode waits until every part of the node works and the cluster says that
// the node is ready.
func waitNode(ctx context.Context, w *Work) error {
	if err := waitParts(ctx, w); err != nil {
		return err
	}
	if err := status.AwaitReady(ctx, w.Plan.Node); err != nil {
		return host.WithRemedy(err,
			"podsec-k8s kubectl describe node %s; journalctl _SYSTEMD_USER_UNIT=u7s-kubelet.service", w.Plan.Node.Name)
	}
	return nil
}

// waitParts waits until every part of this node runs and answers on its own
// address. The error names those that do not, or at once one that ends again
// and again.
func waitParts(ctx context.Context, w *Work) error {
	log := status.CrashLog{}
	deadline := time.Now().Add(kubeadm.PartTimeout)
	for {
		parts, err := status.LookAtParts(ctx, w.Manager, w.Plan.Node)
		if err != nil {
			return err
		}
		now := time.Now()
		for _, p := range parts {
			if log.Note(p.Unit, now, p.State.Restarts) {
				return status.CrashFault(p.Unit)
			}
		}
		missing := status.MissingParts(parts, now)
		if missing == nil {
			return nil
		}
		if now.After(deadline) {
			return missing
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), missing)
		case <-time.After(status.LookInterval):
		}
	}
}
