package kubeadm

import (
	"maps"
	"reflect"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// Change lays a kubeadm configuration file over the configuration of a living cluster.
// What can't change there is refused by its name. A null takes a field away.
func (c Config) Change(data []byte) error {
	docs, err := document.Parse(data)
	if err != nil {
		return host.WithRemedy(err, "correct the file: kubeadm config validate --config FILE")
	}
	for _, doc := range docs {
		kind, _ := doc["kind"].(string)
		ours, ok := c[kind]
		if !ok {
			return host.NewFault("remove it from the file: kinds that can change are ClusterConfiguration, KubeletConfiguration and KubeProxyConfiguration",
				"a document of the kind %q cannot be applied to a cluster", kind)
		}
		if doc["apiVersion"] != ours["apiVersion"] {
			return host.NewFault("convert the file: kubeadm config migrate --old-config FILE --new-config NEW",
				"the file sets %s to %v, but the cluster has %v", kind, doc["apiVersion"], ours["apiVersion"])
		}
		before, err := document.Clone(ours)
		if err != nil {
			return err
		}
		document.Change(ours, doc)
		if err := checkChange(kind, before, ours); err != nil {
			return err
		}
		base := maps.Clone(c)
		base[kind] = before
		if err := c.CheckOwned(base); err != nil {
			return err
		}
	}
	return nil
}

// A fixedField is one that can't change on a living cluster.
type fixedField struct {
	path   []string
	remedy message.Format
}

const anotherCluster message.Format = "remove that field from the file; another value needs a new cluster: podsec-k8s reset, then podsec-k8s-create-master"

// fixedFields lists those of a kind that have a remedy of their own.
func fixedFields(kind string) []fixedField {
	switch kind {
	case KindKubelet:
		return []fixedField{{[]string{"clusterDNS"}, anotherCluster}, {[]string{"clusterDomain"}, anotherCluster}}
	case KindProxy:
		return nil
	}
	return []fixedField{
		{[]string{"networking", "podSubnet"}, anotherCluster},
		{[]string{"networking", "serviceSubnet"}, anotherCluster},
		{[]string{"networking", "dnsDomain"}, anotherCluster},
		{[]string{"clusterName"}, anotherCluster},
		{[]string{"controlPlaneEndpoint"}, anotherCluster},
		{[]string{"kubernetesVersion"}, "remove that field from the file; the version is changed by an upgrade of the cluster"},
		{[]string{"apiServer", "certSANs"}, "remove that field from the file; the certificate would have to be created again"},
		{[]string{"etcd"}, "remove that field from the file; etcd keeps the settings that it was created with"},
	}
}

// changeable are the fields of a ClusterConfiguration that a component has its
// arguments, variables and volumes from.
// Source: kubeadm's reference pages of v1beta3 and v1beta4.
func changeable() []string { return []string{"apiServer", "controllerManager", "scheduler"} }

// checkChange tells the first field that may not differ.
func checkChange(kind string, before, after document.Document) error {
	for _, field := range fixedFields(kind) {
		have, want := document.Lookup(before, field.path...), document.Lookup(after, field.path...)
		if !reflect.DeepEqual(have, want) {
			return host.NewFault(field.remedy, "%s %v cannot change on a cluster that exists: it is %v, not %v", kind, field.path, have, want)
		}
	}
	if kind != KindCluster {
		return nil
	}
	for _, key := range keysOf(before, after) {
		if !slices.Contains(changeable(), key) && !reflect.DeepEqual(before[key], after[key]) {
			return host.NewFault(anotherCluster, "%s %v cannot change on a cluster that exists: it is %v, not %v", kind, []string{key}, before[key], after[key])
		}
	}
	return nil
}

// keysOf lists the fields of documents, sorted.
func keysOf(docs ...document.Document) (keys []string) {
	for _, doc := range docs {
		for key := range doc {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
