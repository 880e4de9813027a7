package usernetes

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// adopt makes the objects of a restored cluster those of this machine. What joins the
// cluster is led here. The other control planes of the backup are no members of its
// etcd any more, so they and their pods go: kubeadm would ask their etcd.
func adopt(ctx context.Context, w *Work) error {
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	if err := kubeadm.MoveClusterInfo(ctx, api, api.Server); err != nil {
		return message.Errorf("moving the cluster's endpoint: %w", err)
	}
	gone, err := removeControlPlanes(ctx, api, w.Plan.Node.Name)
	if err != nil {
		return message.Errorf("removing the other control planes of the backup: %w", err)
	}
	data, err := json.Marshal(gone)
	if err != nil {
		return err
	}
	return host.WriteFile(node.RestoredFile, data, 0o600)
}

// removeControlPlanes removes all but one. Those that an earlier run has removed are
// in the answer as well.
func removeControlPlanes(ctx context.Context, api *kubeapi.Client, own string) (gone []string, err error) {
	if data, err := host.ReadFile(node.RestoredFile); err == nil {
		_ = json.Unmarshal(data, &gone) // a cut one is written anew
	}
	planes, err := api.ControlPlanes(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range planes {
		name := n.Metadata.Name
		if name == own {
			continue
		}
		var pods struct {
			Items []struct{ Metadata kubeapi.Metadata }
		}
		if err := api.Get(ctx, "/api/v1/pods?fieldSelector="+url.QueryEscape("spec.nodeName="+name), &pods); err != nil {
			return nil, err
		}
		for _, p := range pods.Items {
			at := "/api/v1/namespaces/" + p.Metadata.Namespace + "/pods/" + p.Metadata.Name
			if err := api.Delete(ctx, at+"?gracePeriodSeconds=0"); err != nil {
				return nil, err
			}
		}
		if err := api.Delete(ctx, "/api/v1/nodes/"+name); err != nil {
			return nil, err
		}
		gone = append(gone, name)
	}
	return gone, nil
}

// restoredAt is when kubeadm has begun to make the control plane of the backup: what
// the cluster's objects say of an earlier time, they say of other machines.
func restoredAt() (time.Time, error) {
	info, err := os.Stat(node.StatePath(node.AdminConf))
	if err != nil {
		return time.Time{}, message.Errorf("reading the administrator's kubeconfig: %w", err)
	}
	return info.ModTime(), nil
}

// waitRestored waits until the node and CoreDNS are ready, and are said to be so by
// what runs here.
func waitRestored(ctx context.Context, w *Work) error {
	if err := waitParts(ctx, w); err != nil {
		return err
	}
	since, err := restoredAt()
	if err != nil {
		return err
	}
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	return waitReported(ctx, w, api, since)
}

// Restored is what a restore leaves to do. It is only shown.
type Restored struct {
	Removed []string // control planes of the backup that are no longer in the cluster
	Silent  []string // nodes that have not reported since

	Endpoint string     // the name at which the cluster is asked; "" where that is an address
	Address  netip.Addr // of this machine
	Server   string     // where the cluster's API is, as ADDRESS:PORT
}

// AskRestored finds out what a restore has left to do, as u7s-admin.
func AskRestored(ctx context.Context) (r Restored, err error) {
	n, err := node.LoadNode()
	if err != nil {
		return r, err
	}
	r.Address, r.Server, r.Endpoint = n.IP, n.APIAddress(), n.EndpointName()
	since, err := restoredAt()
	if err != nil {
		return r, err
	}
	data, err := host.ReadFile(node.RestoredFile)
	if err == nil {
		err = json.Unmarshal(data, &r.Removed)
	}
	if err != nil {
		return r, message.Errorf("reading which nodes were removed: %w", err)
	}
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return r, err
	}
	var nodes struct{ Items []kubeapi.ClusterNode }
	if err := api.Get(ctx, "/api/v1/nodes", &nodes); err != nil {
		return r, err
	}
	for _, other := range nodes.Items {
		var lease struct{ Spec struct{ RenewTime time.Time } }
		err := api.Get(ctx, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"+other.Metadata.Name, &lease)
		if err != nil && !kubeapi.HasStatus(err, http.StatusNotFound) {
			return r, err
		}
		if other.Metadata.Name != n.Name && lease.Spec.RenewTime.Before(since) {
			r.Silent = append(r.Silent, other.Metadata.Name)
		}
	}
	return r, nil
}

// Check reports whether what u7s-admin hands to root has its form.
func (r Restored) Check() error {
	if r.Endpoint != "" && !node.IsName(r.Endpoint) || !r.Address.IsValid() || node.CheckEndpoint(r.Server) != nil {
		return message.Errorf("the node reports the invalid endpoint %q", r.Endpoint)
	}
	for _, names := range [][]string{r.Removed, r.Silent} {
		for _, name := range names {
			if !node.IsName(name) {
				return message.Errorf("the node reports the invalid node name %q", name)
			}
		}
	}
	return nil
}
