package usernetes

import (
	"context"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// dnsTrouble says what the cluster says of the pods of its DNS that do not run:
// that no node takes them, or why a container has not started. It is "" when it
// says nothing.
func dnsTrouble(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, kubeapi.Timeout)
	defer cancel()
	admin, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err.Error()
	}
	var pods struct{ Items []troubledPod }
	if err := admin.Get(ctx, "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns", &pods); err != nil {
		return err.Error()
	}
	var all []string
	for _, p := range pods.Items {
		if text := p.trouble(); text != "" {
			all = append(all, p.Metadata.Name+": "+text)
		}
	}
	return host.Printable(strings.Join(all, "; "))
}

// A troubledPod is a pod as far as it says why it does not run.
// Source: the Kubernetes API reference, core/v1 PodStatus.
type troubledPod struct {
	Metadata kubeapi.Metadata
	Status   struct {
		Conditions        []struct{ Type, Status, Reason, Message string }
		ContainerStatuses []struct {
			State struct {
				Waiting    *struct{ Reason, Message string }
				Terminated *struct{ Reason, Message string }
			}
		}
	}
}

func (p troubledPod) trouble() string {
	for _, c := range p.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			return w.Reason + " " + w.Message
		}
		if t := c.State.Terminated; t != nil {
			return t.Reason + " " + t.Message
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Status == "False" && c.Message != "" {
			return c.Reason + " " + c.Message
		}
	}
	return ""
}
