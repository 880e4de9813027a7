package usernetes

import (
	"net/netip"
	"strings"
)

// publisher keeps the ports of the machine's addresses in line with the
// cluster's Services and the node's Pods.
type publisher struct {
	node    Node
	api     *apiClient // as the node
	admin   *apiClient // as the cluster's administrator; nil on a worker
	driver  portOpener
	told    map[string]string // what an object's event told last, by object and port
	sockets *podSockets
	pods    []pod // of this node, as the API knew them last
	hostIPs []netip.Addr
	given   bool               // hostIPs are those that the namespaces have
	lackIDs map[string]idFault // what the event of a pod told of missing ids, by uid

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
