// Package units holds the systemd units of podsec-k8s as plain files, their names,
// and the names of what they are made for: the user and the program.
package units

// Names of the user units, in the order in which they start.
const (
	Target      = "u7s.target"                 // the whole node
	Master      = "u7s-master.target"          // its control plane
	RootlessKit = "u7s-rootlesskit.service"    // the namespaces
	CRIO        = "u7s-crio.service"           // containers
	Kubelet     = "u7s-kubelet.service"        // the kubelet
	Manifests   = "u7s-manifests.service"      // follows the manifests
	KubeProxy   = "u7s-kube-proxy.service"     // services of the cluster
	Flanneld    = "u7s-flanneld.service"       // the pod network
	Ports       = "u7s-ports.service"          // ports of the host for services of the cluster
	Policy      = "u7s-network-policy.service" // NetworkPolicies, where their package is installed
)

// Component returns the user unit of a control plane component, such as
// "etcd", by the name of its kubeadm manifest.
func Component(name string) string { return "u7s-" + name + ".service" }
