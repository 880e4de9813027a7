package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// drainTimeout is how long a drain may take, where the call says nothing else.
const drainTimeout = 5 * time.Minute

// drainFlags are those of kubectl drain that a call may set, by the same names.
func drainFlags(p *printer) []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "timeout", Value: drainTimeout, Usage: p.help("stop waiting for the pods after this `TIME`; 0: never")},
		&cli.BoolFlag{Name: "force", Usage: p.help("delete pods that no controller creates again elsewhere")},
		&cli.BoolFlag{Name: "delete-emptydir-data", Usage: p.help("delete pods that have data in an emptyDir volume")},
		&cli.BoolFlag{Name: "disable-eviction", Usage: p.help("delete pods without regard to PodDisruptionBudgets")},
	}
}

// drainArgs are a call's for kubectl drain. A pod of a DaemonSet belongs to the node
// and goes with it. A machine that is dead has no kubelet that would end its pods, and
// no budget is kept by waiting for them.
func drainArgs(c *cli.Context, dead bool) []string {
	args := []string{"--ignore-daemonsets", "--timeout=" + c.Duration("timeout").String()}
	for _, name := range []string{"force", "delete-emptydir-data", "disable-eviction"} {
		args = append(args, fmt.Sprintf("--%s=%t", name, dead || c.Bool(name)))
	}
	if dead {
		args = append(args, "--grace-period=0")
	}
	return args
}

// A kubectl is a kubectl that runs as root, by a kubeconfig of root's.
type kubectl struct {
	program string
	env     []string
}

// kubectlOf returns the one of the cluster's administrator, on a control plane.
func kubectlOf(access kubeapi.Access, env []string) (kubectl, error) {
	if err := writeKubectlConfig(access); err != nil {
		return kubectl{}, err
	}
	return kubectlBy(kubectlConfig, withoutProxy(env, access.Host())), nil
}

// kubectlBy returns one that uses a kubeconfig, and nobody's preferences.
// Source: the Kubernetes documentation, "Kubectl user preferences (kuberc)".
func kubectlBy(config string, env []string) kubectl {
	return kubectl{kubectlProgram, setEnv(setEnv(env, "KUBECONFIG", config), "KUBERC", "off")}
}

func (k kubectl) command(args ...string) host.Command {
	return host.Command{Name: "kubectl", Path: k.program, Args: args, Env: k.env}
}

// drain empties a node, and shows what kubectl says. Cut or failed, it can be run
// again; the node takes no new pods from its first moment on.
func (k kubectl) drain(ctx context.Context, p *printer, name string, args []string) error {
	cmd := k.command(append([]string{"drain", name}, args...)...)
	cmd.Stdout, cmd.Stderr = p.out, p.err
	failed := cmd.Run(ctx)
	if failed == nil || ctx.Err() != nil {
		return failed
	}
	left, err := k.podsLeft(ctx, name)
	if err != nil {
		return failed // for the same reason, it may be
	}
	return drainFault(name, failed, left)
}

// uncordon lets a node take pods again.
func (k kubectl) uncordon(ctx context.Context, p *printer, name string) error {
	cmd := k.command("uncordon", name)
	cmd.Stdout, cmd.Stderr = p.out, p.err
	if err := cmd.Run(ctx); err != nil {
		return host.WithRemedy(message.Errorf("uncordoning node %s: %w", name, err), "on a control plane: podsec-k8s kubectl uncordon %s", name)
	}
	return nil
}

// A leftPod is a pod that a drain has not moved. Source: the Kubernetes API reference,
// core/v1 Pod.
type leftPod struct {
	Metadata struct {
		Namespace, Name, DeletionTimestamp string
		Annotations                        map[string]string
		OwnerReferences                    []struct{ Kind string }
	}
	Status struct{ Phase string }
}

// stays reports whether a drain leaves the pod where it is.
// Source: the Kubernetes documentation, "Safely Drain a Node".
func (l leftPod) stays() bool {
	_, mirror := l.Metadata.Annotations["kubernetes.io/config.mirror"]
	for _, owner := range l.Metadata.OwnerReferences {
		if owner.Kind == "DaemonSet" {
			return true
		}
	}
	return mirror || l.Status.Phase == "Succeeded" || l.Status.Phase == "Failed"
}

func (k kubectl) podsLeft(ctx context.Context, name string) (left []leftPod, err error) {
	out, err := k.command("get", "pods", "--all-namespaces", "--field-selector=spec.nodeName="+name, "--output=json").Output(ctx)
	if err != nil {
		return nil, err
	}
	var pods struct{ Items []leftPod }
	if err := json.Unmarshal(out, &pods); err != nil {
		return nil, err
	}
	for _, pod := range pods.Items {
		if !pod.stays() {
			left = append(left, pod)
		}
	}
	return left, nil
}

// drainFault names the pods that are left on a node, with why and what to do.
func drainFault(name string, failed error, left []leftPod) error {
	if len(left) == 0 {
		return host.WithRemedy(message.Errorf("draining node %s: %w", name, failed), "fix the cause and run the same command again to continue")
	}
	var said string
	var ended *host.CommandError
	if errors.As(failed, &ended) {
		said = ended.Stderr
	}
	var pods []message.Text
	var budget string // a namespace where one holds a pod
	slow := false
	for _, pod := range left {
		namespace, one := host.Printable(pod.Metadata.Namespace), host.Printable(pod.Metadata.Name)
		switch {
		case pod.Metadata.DeletionTimestamp != "":
			slow = true
			pods = append(pods, message.Of("pod %s/%s has not ended yet", namespace, one))
		case heldByBudget(said, pod):
			budget = namespace
			pods = append(pods, message.Of("pod %s/%s: a PodDisruptionBudget does not allow its eviction", namespace, one))
		default:
			pods = append(pods, message.Of("pod %s/%s", namespace, one))
		}
	}
	err := message.Errorf("node %s is not empty: %s", name, message.List("; ", pods...))
	const after = "; then run the same command again. To keep the node instead: podsec-k8s kubectl uncordon %s"
	switch {
	case budget != "":
		return host.WithRemedy(err, "look at the budget, on a control plane: podsec-k8s kubectl --namespace %s get poddisruptionbudgets; give the workload more replicas, or add --disable-eviction to ignore budgets"+after, budget, name)
	case slow:
		return host.WithRemedy(err, "give the pods more time: --timeout TIME"+after, name)
	default:
		return host.WithRemedy(err, "kubectl says above what keeps the pods, and which of --force and --delete-emptydir-data deletes them"+after, name)
	}
}

// heldByBudget reports whether kubectl says of a pod that a budget holds it.
// Source: kubectl's pkg/drain/drain.go; the eviction API's answer 429.
func heldByBudget(said string, pod leftPod) bool {
	about := fmt.Sprintf("pods/%q -n %q", pod.Metadata.Name, pod.Metadata.Namespace)
	for line := range strings.Lines(said) {
		if strings.Contains(line, about) && strings.Contains(line, "disruption budget") {
			return true
		}
	}
	return false
}
