package ports

import (
	"net/netip"
	"strings"

	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// publisher keeps the ports of the machine's addresses in line with the
// cluster's Services and the node's Pods.
type publisher struct {
	node     node.Node
	api      *kubeapi.Client // as the node
	admin    *kubeapi.Client // as the cluster's administrator; nil on a worker
	driver   portdriver.Opener
	reported map[string]string // what an object's event told last, by object and port
	sockets  *podSockets
	pods     []kubeapi.Pod // of this node, as the API knew them last
	hostIPs  []netip.Addr
	given    bool                      // hostIPs are those that the namespaces have
	lackIDs  map[string]images.IDFault // what the event of a pod told of missing ids, by uid

	policies      policyReport
	oldRightsGone bool // those that earlier versions gave every node
}

func withQuery(path, query string) string {
	if strings.Contains(path, "?") {
		return path + "&" + query
	}
	return path + "?" + query
}

func (p *publisher) podsPath() string {
	return "/api/v1/pods?fieldSelector=spec.nodeName%3D" + p.node.Name
}

// A policyReport is what is told of NetworkPolicies that this node does not enforce.
type policyReport struct {
	absent   func() bool     // reports whether nothing here enforces any
	visible  bool            // every node has the right to see them
	reported map[string]bool // those that have their event, by uid
}

func newPolicyReport() policyReport {
	return policyReport{absent: netpolicy.Absent, reported: map[string]bool{}}
}
