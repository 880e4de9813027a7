package usernetes

import (
	"net/netip"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

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
// Source: the Kubernetes API reference, core/v1 and discovery.k8s.io/v1.
type (
	metadata struct {
		Namespace, Name, UID, CreationTimestamp string
		Annotations                             map[string]string
	}
	service struct {
		Metadata metadata
		Spec     serviceSpec
		Status   struct{ LoadBalancer loadBalancerStatus }
	}
	serviceSpec struct {
		Type                     string
		ClusterIP                string
		Ports                    []servicePort
		ExternalIPs              []string
		LoadBalancerClass        *string
		LoadBalancerIP           string
		LoadBalancerSourceRanges []string
		ExternalTrafficPolicy    string
		InternalTrafficPolicy    string
		SessionAffinity          string
		HealthCheckNodePort      int
	}
	servicePort struct {
		Protocol       string
		Port, NodePort int
	}
	loadBalancerStatus struct {
		Ingress []ingress `json:"ingress"`
	}
	ingress struct {
		IP     string `json:"ip"`
		IPMode string `json:"ipMode,omitempty"`
	}
	pod struct {
		Metadata metadata
		Spec     struct {
			HostNetwork                bool
			Containers, InitContainers []container
		}
		Status struct{ Phase, PodIP string }
	}
	container     struct{ Ports []containerPort }
	containerPort struct {
		Protocol, HostIP        string
		HostPort, ContainerPort int
	}
	clusterNode struct {
		Metadata metadata
		Spec     struct{ PodCIDR string }
		Status   struct {
			Addresses  []struct{ Type, Address string }
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}
	endpointSlice struct {
		Endpoints []struct {
			NodeName   string
			Conditions struct{ Ready *bool }
		}
	}
)

func (m metadata) object(kind string) object { return object{kind, m.Namespace, m.Name, m.UID} }

// ready reports whether the cluster counts on the node.
func (n clusterNode) ready() bool {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

// unreadiness says why the cluster does not count on the node.
func (n clusterNode) unreadiness() string {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return host.Printable(c.Reason + ": " + c.Message)
		}
	}
	return "its kubelet has said nothing yet"
}

// Annotations that Kubernetes itself gives a meaning.
// Source: the Kubernetes documentation, "Well-Known Labels, Annotations and
// Taints".
const (
	mirrorHash       = "kubernetes.io/config.hash"                              // the kubelet's uid of a static pod
	sourceRangesNote = "service.beta.kubernetes.io/load-balancer-source-ranges" // before there was a field
)

// kubeletUID is the uid by which the kubelet knows a pod. A static pod has
// another one than its mirror in the API.
func (p pod) kubeletUID() string {
	if hash, ok := p.Metadata.Annotations[mirrorHash]; ok {
		return hash
	}
	return p.Metadata.UID
}

// ended reports whether all of a pod's containers have ended for good.
func (p pod) ended() bool { return p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" }

// balanced reports whether a Service of type LoadBalancer is ours to care
// for: it names nobody else.
func (s service) balanced() bool {
	return s.Spec.Type == "LoadBalancer" && s.Spec.LoadBalancerClass == nil
}

// sourceRanges are the IPv4 networks whose clients a load balancer is for,
// and whether it is for these alone.
func (s service) sourceRanges() (sources []netip.Prefix, restricted bool) {
	texts := s.Spec.LoadBalancerSourceRanges
	if note := s.Metadata.Annotations[sourceRangesNote]; len(texts) == 0 && strings.TrimSpace(note) != "" {
		texts = strings.Split(note, ",")
	}
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil || !prefix.Addr().Is4() {
			continue
		}
		if prefix.Bits() == 0 {
			return nil, false
		}
		sources = append(sources, prefix.Masked())
	}
	return sources, len(texts) > 0
}

// at reports whether a node is known by an address.
func (n clusterNode) at(address netip.Addr) bool {
	for _, a := range n.Status.Addresses {
		if a.Address == address.String() {
			return true
		}
	}
	return false
}
