package usernetes

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// A port is one that machines outside reach on the node's address, and what
// it is for. It is only data.
type port struct {
	Proto  string // tcp or udp
	Number int
	Target int    // in the namespaces; 0 means the same
	Owner  object // the zero value is the node itself
	Fault  string // why it is not open, "" when it is
}

// key tells ports of one address apart.
func (p port) key() string { return fmt.Sprintf("%d/%s", p.Number, p.Proto) }

// target gives where in the namespaces the port leads.
func (p port) target() int { return cmp.Or(p.Target, p.Number) }

// An object is a Service or a Pod of the cluster, as events name it.
type object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

func (o object) String() string {
	if o.Kind == "" {
		return "the node"
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// What the API says of Services, Pods and Nodes, as far as ports need it.
// Source: the Kubernetes API reference, core/v1.
type (
	metadata struct {
		Namespace, Name, UID, CreationTimestamp string
		Annotations                             map[string]string
	}
	service struct {
		Metadata metadata
		Spec     struct {
			Type              string
			LoadBalancerClass *string
			Ports             []servicePort
		}
		Status struct{ LoadBalancer loadBalancerStatus }
	}
	servicePort struct {
		Protocol       string
		Port, NodePort int
	}
	loadBalancerStatus struct {
		Ingress []ingress `json:"ingress"`
	}
	ingress struct {
		IP string `json:"ip"`
	}
	pod struct {
		Metadata metadata
		Spec     struct {
			Containers []struct{ Ports []containerPort }
		}
		Status struct{ Phase string }
	}
	containerPort struct {
		Protocol, HostIP string
		HostPort         int
	}
	clusterNode struct {
		Spec   struct{ PodCIDR string }
		Status struct {
			Addresses  []struct{ Type, Address string }
			Conditions []struct{ Type, Status string }
		}
	}
)

// ready tells whether the cluster counts on the node.
func (n clusterNode) ready() bool {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

// mirrorAnnotation marks the pods that a kubelet has from files.
// Source: the Kubernetes documentation, "Well-Known Labels".
const mirrorAnnotation = "kubernetes.io/config.mirror"

// standIn tells the control plane's stand-ins, whose ports are published on
// their own, from other pods and the administrator's static ones.
func (p pod) standIn() bool {
	_, mirror := p.Metadata.Annotations[mirrorAnnotation]
	_, component := p.Metadata.Annotations[digestAnnotation]
	return mirror && component
}

// balanced tells the Services of type LoadBalancer that nobody else takes
// care of.
func (s service) balanced() bool {
	return s.Spec.Type == "LoadBalancer" && s.Spec.LoadBalancerClass == nil
}

// wantedPorts lists the ports that Services and this node's Pods ask for on
// the node's address. Of two that ask for the same, the older one has it;
// the other's Fault says so.
func wantedPorts(n Node, services []service, pods []pod) []port {
	slices.SortStableFunc(services, func(a, b service) int { return older(a.Metadata, b.Metadata) })
	slices.SortStableFunc(pods, func(a, b pod) int { return older(a.Metadata, b.Metadata) })
	taken := map[string]object{}
	for _, p := range published(n) {
		taken[fmt.Sprintf("%d/%s", p.port, p.proto)] = object{}
	}
	var all []port
	add := func(owner object, protocol string, number, target int) {
		p := port{Proto: strings.ToLower(cmp.Or(protocol, "TCP")), Number: number, Target: target, Owner: owner}
		if other, ok := taken[p.key()]; ok {
			p.Fault = "it belongs to " + other.String()
		} else if p.Proto == "sctp" {
			p.Fault = "RootlessKit has no SCTP"
		} else {
			taken[p.key()] = owner
		}
		all = append(all, p)
	}
	for _, s := range services {
		s.eachPort(func(protocol string, number, target int) { add(s.Metadata.object("Service"), protocol, number, target) })
	}
	for _, p := range pods {
		p.eachPort(n.IP, func(protocol string, number int) { add(p.Metadata.object("Pod"), protocol, number, 0) })
	}
	return all
}

func older(a, b metadata) int {
	return cmp.Or(cmp.Compare(a.CreationTimestamp, b.CreationTimestamp), cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
}

func (m metadata) object(kind string) object { return object{kind, m.Namespace, m.Name, m.UID} }

// eachPort lists the ports of a Service on every node. That of a load
// balancer leads to the node port, for which kube-proxy has rules on every
// address.
func (s service) eachPort(do func(protocol string, number, target int)) {
	for _, p := range s.Spec.Ports {
		if p.NodePort != 0 && (s.Spec.Type == "NodePort" || s.Spec.Type == "LoadBalancer") {
			do(p.Protocol, p.NodePort, 0)
		}
		if s.balanced() {
			do(p.Protocol, p.Port, p.NodePort)
		}
	}
}

// eachPort lists the host ports of a pod that runs or is going to, but for
// those on another address than the node's.
func (p pod) eachPort(ip netip.Addr, do func(protocol string, number int)) {
	if p.standIn() || p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" {
		return
	}
	for _, container := range p.Spec.Containers {
		for _, c := range container.Ports {
			if c.HostPort != 0 && slices.Contains([]string{"", "0.0.0.0", ip.String()}, c.HostIP) {
				do(c.Protocol, c.HostPort)
			}
		}
	}
}

// A portChange is what has to be done to the ports that are open.
type portChange struct {
	close []openPort
	open  []port
}

// changePorts compares the ports that are open with those that are wanted.
// The node's own are left alone.
func changePorts(n Node, open []openPort, wanted []port) (c portChange) {
	own, have := map[string]bool{}, map[string]bool{}
	for _, p := range published(n) {
		own[fmt.Sprintf("%d/%s", p.port, p.proto)] = true
	}
	keep := map[string]bool{}
	for _, p := range wanted {
		keep[p.key()] = keep[p.key()] || p.Fault == ""
	}
	for _, p := range open {
		have[p.key()] = true
		if !own[p.key()] && !keep[p.key()] {
			c.close = append(c.close, p)
		}
	}
	for _, p := range wanted {
		if p.Fault == "" && !have[p.key()] {
			c.open = append(c.open, p)
		}
	}
	return c
}

// readyAddresses gives the addresses of the nodes that are ready, in order.
func readyAddresses(nodes []clusterNode) []ingress {
	var all []ingress
	for _, n := range nodes {
		if !n.ready() {
			continue
		}
		for _, a := range n.Status.Addresses {
			if a.Type == "InternalIP" {
				all = append(all, ingress{a.Address})
			}
		}
	}
	slices.SortFunc(all, func(a, b ingress) int { return cmp.Compare(a.IP, b.IP) })
	return all
}
