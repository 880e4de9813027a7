package usernetes

import (
	"context"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// waitReported waits until the node has said since a time that it is ready and has its
// address, and CoreDNS, if kubeadm has made it, is ready by what has started since.
func waitReported(ctx context.Context, w *Work, api *kubeapi.Client, since time.Time) error {
	n := w.Plan.Node
	if err := wait.Until(ctx, status.ReadyTimeout, func() error { return reported(ctx, api, n.Name, n.IP.String(), since) }); err != nil {
		return host.WithRemedy(err,
			"podsec-k8s kubectl describe node %s; journalctl _SYSTEMD_USER_UNIT=u7s-kubelet.service", n.Name)
	}
	if !w.Plan.DNS {
		return nil
	}
	if err := wait.Until(ctx, status.ReadyTimeout, func() error { return dnsReported(ctx, api, n.Name, since) }); err != nil {
		return host.WithRemedy(err, "podsec-k8s kubectl --namespace=kube-system describe pods; journalctl _SYSTEMD_USER_UNIT=u7s-crio.service")
	}
	return nil
}

// reported reports whether the node has said since then that it is ready, and where.
func reported(ctx context.Context, api *kubeapi.Client, name, address string, since time.Time) error {
	var n struct {
		Status struct {
			Addresses  []struct{ Type, Address string }
			Conditions []struct {
				Type, Status      string
				LastHeartbeatTime time.Time
			}
		}
	}
	if err := api.Get(ctx, "/api/v1/nodes/"+name, &n); err != nil {
		return err
	}
	if !slices.Contains(n.Status.Addresses, struct{ Type, Address string }{"InternalIP", address}) {
		return message.Errorf("node %s has not reported the address %s", name, address)
	}
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" && !c.LastHeartbeatTime.Before(since.Truncate(time.Second)) {
			return nil
		}
	}
	return message.Errorf("node %s has not reported that it is ready", name)
}

// dnsReported reports whether a pod of the cluster's DNS is ready: one of this node
// has to have started since then.
func dnsReported(ctx context.Context, api *kubeapi.Client, own string, since time.Time) error {
	var pods struct {
		Items []struct {
			Spec   struct{ NodeName string }
			Status struct {
				Conditions        []struct{ Type, Status string }
				ContainerStatuses []struct {
					State struct{ Running struct{ StartedAt time.Time } }
				}
			}
		}
	}
	if err := api.Get(ctx, "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns", &pods); err != nil {
		return err
	}
	for _, p := range pods.Items {
		fresh := p.Spec.NodeName != own
		for _, c := range p.Status.ContainerStatuses {
			fresh = fresh || !c.State.Running.StartedAt.Before(since.Truncate(time.Second))
		}
		for _, c := range p.Status.Conditions {
			if fresh && c.Type == "Ready" && c.Status == "True" {
				return nil
			}
		}
	}
	return message.Errorf("CoreDNS is not ready: %s", dnsTrouble(ctx))
}
