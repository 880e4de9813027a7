package kubeapi

import (
	"net/netip"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// An Object is a Service, a Pod, a Node or a NetworkPolicy of the cluster, as events name
// it.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// version is that of the API's group which has objects of the kind.
func (o Object) version() string {
	if o.Kind == NetworkPolicy {
		return "networking.k8s.io/v1"
	}
	return "v1"
}

// NetworkPolicy is the kind of such an object.
const NetworkPolicy = "NetworkPolicy"

func (o Object) String() string { return o.Say().String() }

// Say is String in any language.
func (o Object) Say() message.Text {
	if o.Kind == "" {
		return message.Of("the node")
	}
	return message.Of("%s %s/%s", o.Kind, o.Namespace, o.Name)
}

// What the API says of Services, Pods and Nodes, as far as ports need it.
// Source: the Kubernetes API reference, core/v1 and discovery.k8s.io/v1.
type (
	// Metadata is that of any object.
	Metadata struct {
		Namespace, Name, UID, CreationTimestamp string
		ResourceVersion                         string
		Annotations, Labels                     map[string]string
	}
	// A Service is core/v1.
	Service struct {
		Metadata Metadata
		Spec     serviceSpec
		Status   struct{ LoadBalancer LoadBalancerStatus }
	}
	serviceSpec struct {
		Type                     string
		ClusterIP                string
		Ports                    []ServicePort
		ExternalIPs              []string
		LoadBalancerClass        *string
		LoadBalancerIP           string
		LoadBalancerSourceRanges []string
		ExternalTrafficPolicy    string
		InternalTrafficPolicy    string
		SessionAffinity          string
		HealthCheckNodePort      int
	}
	// A ServicePort is one of its ports.
	ServicePort struct {
		Protocol       string
		Port, NodePort int
	}
	// LoadBalancerStatus is what clients are told of it.
	LoadBalancerStatus struct {
		Ingress []Ingress `json:"ingress"`
	}
	// An Ingress is one address of it.
	Ingress struct {
		IP     string `json:"ip"`
		IPMode string `json:"ipMode,omitempty"`
	}
	// A Pod is core/v1.
	Pod struct {
		Metadata Metadata
		Spec     struct {
			HostNetwork                bool
			Containers, InitContainers []Container
		}
		Status struct{ Phase, PodIP string }
	}
	// A Container is one of a pod's.
	Container struct{ Ports []ContainerPort }
	// A ContainerPort is one that it declares.
	ContainerPort struct {
		Protocol, HostIP        string
		HostPort, ContainerPort int
	}
	// A ClusterNode is the Node object, core/v1.
	ClusterNode struct {
		Metadata Metadata
		Spec     struct {
			PodCIDR       string
			Unschedulable bool
			Taints        []struct{ Key, Effect string }
		}
		Status struct {
			Addresses  []struct{ Type, Address string }
			Conditions []struct{ Type, Status, Reason, Message string }
			NodeInfo   struct{ KubeletVersion string }
		}
	}
	// An EndpointSlice is discovery.k8s.io/v1.
	EndpointSlice struct {
		Endpoints []struct {
			NodeName   string
			Conditions struct{ Ready *bool }
		}
	}
)

// Object names the object of a kind.
func (m Metadata) Object(kind string) Object { return Object{kind, m.Namespace, m.Name, m.UID} }

// Ready reports whether the cluster counts on the node.
func (n ClusterNode) Ready() bool {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

// Silent reports whether the node's kubelet does not report to the cluster any more.
// Source: the Kubernetes documentation, "Node Status".
func (n ClusterNode) Silent() bool {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "Unknown"
		}
	}
	return true
}

// ControlPlaneLabel is what kubeadm labels control planes with.
const ControlPlaneLabel = "node-role.kubernetes.io/control-plane"

// InternalIP returns the address of the machine, or "".
func (n ClusterNode) InternalIP() string {
	for _, a := range n.Status.Addresses {
		if a.Type == "InternalIP" {
			return a.Address
		}
	}
	return ""
}

// Unreadiness says why the cluster does not count on the node.
func (n ClusterNode) Unreadiness() string {
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

// KubeletUID is the uid by which the kubelet knows a pod. A static pod has
// another one than its mirror in the API.
func (p Pod) KubeletUID() string {
	if hash, ok := p.Metadata.Annotations[mirrorHash]; ok {
		return hash
	}
	return p.Metadata.UID
}

// Ended reports whether all of a pod's containers have ended for good.
func (p Pod) Ended() bool { return p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" }

// Balanced reports whether a Service of type LoadBalancer is ours to care
// for: it names nobody else.
func (s Service) Balanced() bool {
	return s.Spec.Type == "LoadBalancer" && s.Spec.LoadBalancerClass == nil
}

// SourceRanges are the IPv4 networks whose clients a load balancer is for,
// and whether it is for these alone.
func (s Service) SourceRanges() (sources []netip.Prefix, restricted bool) {
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

// At reports whether a node is known by an address.
func (n ClusterNode) At(address netip.Addr) bool {
	for _, a := range n.Status.Addresses {
		if a.Address == address.String() {
			return true
		}
	}
	return false
}
