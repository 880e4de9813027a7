package ports

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// balance gives every Service of type LoadBalancer the addresses of the nodes
// that are ready: each of them publishes its ports. With externalTrafficPolicy
// Local these are the nodes that have a pod of it. It lists the ports that are
// asked for on addresses which no node is known by. It needs the rights of a
// control plane; a node's own are too few for good reason.
// Source: the Kubernetes API reference, "externalTrafficPolicy".
func (p *publisher) balance(ctx context.Context, m machineState) (unknown []portdriver.Port, err error) {
	if !slices.ContainsFunc(m.services, func(s kubeapi.Service) bool { return s.Balanced() || len(s.Spec.ExternalIPs) > 0 }) {
		return nil, nil
	}
	var nodes struct{ Items []kubeapi.ClusterNode }
	if err := p.admin.Get(ctx, "/api/v1/nodes", &nodes); err != nil {
		return nil, err
	}
	var faults []error
	for _, s := range m.services {
		if s.Balanced() {
			faults = append(faults, p.balanceOne(ctx, s, nodes.Items))
		}
	}
	return m.unknownAddresses(nodes.Items), errors.Join(faults...)
}

func (p *publisher) balanceOne(ctx context.Context, s kubeapi.Service, nodes []kubeapi.ClusterNode) error {
	path := "/namespaces/" + s.Metadata.Namespace + "/"
	if s.Spec.ExternalTrafficPolicy == "Local" {
		var slicesOf struct{ Items []kubeapi.EndpointSlice }
		query := "endpointslices?labelSelector=kubernetes.io/service-name%3D" + s.Metadata.Name
		if err := p.admin.Get(ctx, "/apis/discovery.k8s.io/v1"+path+query, &slicesOf); err != nil {
			return err
		}
		nodes = slices.DeleteFunc(slices.Clone(nodes), func(n kubeapi.ClusterNode) bool { return !hasEndpoint(slicesOf.Items, n.Metadata.Name) })
	}
	addresses := ReadyAddresses(nodes)
	if slices.EqualFunc(s.Status.LoadBalancer.Ingress, addresses, func(a, b kubeapi.Ingress) bool { return a.IP == b.IP }) {
		return nil
	}
	status := document.Document{"status": document.Document{"loadBalancer": kubeapi.LoadBalancerStatus{Ingress: addresses}}}
	return p.admin.Send(ctx, http.MethodPatch, "/api/v1"+path+"services/"+s.Metadata.Name+"/status", "application/merge-patch+json", status)
}

// hasEndpoint reports whether a node has a pod of a Service that takes
// connections. Source: the API reference, EndpointConditions: nil is ready.
func hasEndpoint(all []kubeapi.EndpointSlice, node string) bool {
	for _, s := range all {
		for _, e := range s.Endpoints {
			if e.NodeName == node && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				return true
			}
		}
	}
	return false
}

// dropOldRights deletes what earlier versions gave the group system:nodes: to
// write the status of every Node. Once that is done it is not done again.
func (p *publisher) dropOldRights(ctx context.Context) error {
	if p.oldRightsGone {
		return nil
	}
	for _, kind := range []string{"clusterrolebindings", "clusterroles"} {
		err := p.admin.Send(ctx, http.MethodDelete, "/apis/rbac.authorization.k8s.io/v1/"+kind+"/podsec-k8s:flannel", "", nil)
		var refused *kubeapi.Error
		if err != nil && (!errors.As(err, &refused) || refused.Status != http.StatusNotFound) {
			return err
		}
	}
	p.oldRightsGone = true
	return nil
}
