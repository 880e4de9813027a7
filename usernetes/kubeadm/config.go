package kubeadm

import (
	"reflect"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// kubeletAPI is the kubelet's configuration API in every generation.
const kubeletAPI = "kubelet.config.k8s.io/v1beta1"

// Kinds of kubeadm's configuration.
const (
	KindInit    = "InitConfiguration"
	KindCluster = "ClusterConfiguration"
	KindJoin    = "JoinConfiguration"
	KindKubelet = "KubeletConfiguration"
	KindProxy   = "KubeProxyConfiguration"
)

// A Config is the documents of one kubeadm configuration by kind.
type Config map[string]document.Document

func anyList(texts []string) []any {
	list := make([]any, 0, len(texts))
	for _, text := range texts {
		list = append(list, text)
	}
	return list
}

// Overlay lays the documents of a kubeadm configuration file, named source,
// over ours. Kinds that are not asked for are skipped: a site's file may
// hold both Init and JoinConfiguration.
func (c Config) Overlay(source string, data []byte) error {
	docs, err := document.Parse(data)
	if err != nil {
		return host.NewFault("correct the file: kubeadm config validate --config FILE",
			"reading the kubeadm configuration %q: %w", source, err)
	}
	for _, doc := range docs {
		kind, _ := doc["kind"].(string)
		ours, ok := c[kind]
		if kind == KindProxy {
			return host.NewFault("remove that document, and apply it to the cluster when that exists: podsec-k8s config apply FILE",
				"%q has a %s, which kubeadm does not use here: kube-proxy is a service of each node", source, kind)
		}
		if !ok {
			c.adopt(kind, doc)
			continue
		}
		if doc["apiVersion"] != ours["apiVersion"] {
			return host.NewFault("convert the file: kubeadm config migrate --old-config FILE --new-config NEW",
				"%q sets %s to %v, but podsec-k8s gives kubeadm %v", source, kind, doc["apiVersion"], ours["apiVersion"])
		}
		document.Merge(ours, doc)
	}
	return nil
}

// adopt takes a document of a kind that we have nothing to say of.
func (c Config) adopt(kind string, doc document.Document) {
	if !slices.Contains([]string{"", KindInit, KindCluster, KindJoin, KindKubelet}, kind) {
		c[kind] = doc
	}
}

// An ownedField is a field that has to be as we set it for the node to work.
type ownedField struct {
	kind string
	path []string
	why  message.Format
}

const whyNoPull message.Format = "the control plane's images are not used, and podsec-k8s loads coredns and pause itself"

func ownedFields() []ownedField {
	return []ownedField{
		{KindInit, []string{"nodeRegistration", "imagePullPolicy"}, whyNoPull},
		{KindJoin, []string{"nodeRegistration", "imagePullPolicy"}, whyNoPull},
		{KindInit, []string{"nodeRegistration", "criSocket"}, "CRI-O of the node listens there"},
		{KindJoin, []string{"nodeRegistration", "criSocket"}, "CRI-O of the node listens there"},
		{KindCluster, []string{"certificatesDir"}, "the node has its certificates in /etc/kubernetes/pki"},
		{KindKubelet, []string{"staticPodPath"}, "the stand-ins of the control plane are there"},
		{KindKubelet, []string{"cgroupDriver"}, "a user has no system scopes"},
		{KindKubelet, []string{"featureGates", "KubeletInUserNamespace"}, "the kubelet runs in a user namespace"},
		{KindProxy, []string{"mode"}, "podsec-k8s watches the rules that kube-proxy sets by iptables"},
		{KindProxy, []string{"conntrack"}, "a user namespace may not change the connection tracking of the machine"},
		{KindProxy, []string{"clusterCIDR"}, "it is the pod network of the cluster"},
		{KindProxy, []string{"clientConnection", "kubeconfig"}, "kube-proxy has the identity of its node"},
		{KindProxy, []string{"hostnameOverride"}, "each node has its own name"},
		{KindProxy, []string{"bindAddress"}, "each node has its own address"},
		{KindProxy, []string{"healthzBindAddress"}, "podsec-k8s asks kube-proxy for its health there"},
		{KindProxy, []string{"nodePortAddresses"}, "podsec-k8s opens node ports on the addresses of the machine, and leads them to kube-proxy"},
	}
}

// KeepOwned gives the owned fields of a kind their values of base again.
func KeepOwned(kind string, doc, base document.Document) {
	for _, field := range ownedFields() {
		if field.kind != kind {
			continue
		}
		if value := document.Lookup(base, field.path...); value != nil {
			document.Put(doc, value, field.path...)
		} else {
			document.Remove(doc, field.path...)
		}
	}
}

// CheckOwned tells which owned fields of base an overlay has changed.
func (c Config) CheckOwned(base Config) error {
	for _, field := range ownedFields() {
		want, got := document.Lookup(base[field.kind], field.path...), document.Lookup(c[field.kind], field.path...)
		if !reflect.DeepEqual(want, got) {
			return host.NewFault("remove that field from the configuration",
				"kubeadm configuration: %s %v is %v, not %v: %s", field.kind, field.path, got, want, field.why)
		}
	}
	return nil
}

// Bytes returns the file for kubeadm, its documents in the order of kinds.
func (c Config) Bytes() ([]byte, error) {
	kinds := make([]string, 0, len(c))
	for kind := range c {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	docs := make([]document.Document, 0, len(c))
	for _, kind := range kinds {
		docs = append(docs, c[kind])
	}
	return document.Format(docs)
}
