package kubeadm

import (
	"fmt"
	"time"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// InitConfig makes kubeadm's configuration of a new cluster.
// Source: kubeadm's reference pages of v1beta3 and v1beta4; KEP-2033.
func InitConfig(n node.Node, minor deps.Minor) Config {
	config := Config{
		KindInit: {
			"apiVersion": minor.KubeadmAPI, "kind": KindInit,
			"localAPIEndpoint": document.Document{"advertiseAddress": n.IP.String(), "bindPort": n.APIPort},
			"nodeRegistration": nodeRegistration(n, minor),
			"skipPhases":       []any{"addon/kube-proxy"}, // a service of every node instead
		},
		KindCluster: {
			"apiVersion": minor.KubeadmAPI, "kind": KindCluster,
			"kubernetesVersion": n.Kubernetes,
			"imageRepository":   n.ImageRepository,
			"networking":        document.Document{"podSubnet": n.PodCIDR.String(), "serviceSubnet": n.ServiceCIDR.String()},
		},
		KindKubelet: {
			"apiVersion": kubeletAPI, "kind": KindKubelet,
			"featureGates":  document.Document{"KubeletInUserNamespace": true},
			"cgroupDriver":  "cgroupfs",
			"failSwapOn":    false,
			"staticPodPath": node.StandInsDir,
		},
	}
	if n.EtcdPeers {
		// Peers come by RootlessKit's port driver, to the loopback address.
		listen := fmt.Sprintf("https://0.0.0.0:%d", node.PeerPort)
		document.Put(config[KindCluster], extraArgs(minor, "listen-peer-urls", listen), "etcd", "local", "extraArgs")
	}
	config.bound(minor.InitTimeout)
	return config
}

// bound keeps kubeadm from waiting longer for a part than a node may take.
func (c Config) bound(field []string) {
	if len(field) > 1 {
		document.Put(c[field[0]], PartTimeout.String(), field[1:]...)
	}
}

// JoinConfig makes kubeadm's configuration of a further node. An endpoint that
// does not answer is given up after half a minute, not five.
func JoinConfig(n node.Node, minor deps.Minor, j JoinRequest) Config {
	doc := document.Document{
		"apiVersion": minor.KubeadmAPI, "kind": KindJoin,
		"nodeRegistration": nodeRegistration(n, minor),
		"discovery": document.Document{"bootstrapToken": document.Document{
			"apiServerEndpoint": j.Endpoint, "token": j.Token, "caCertHashes": anyList(j.CAHashes),
		}},
	}
	document.Put(doc, discoveryTimeout, minor.DiscoveryTimeout...)
	if j.ControlPlane {
		doc["controlPlane"] = document.Document{
			"localAPIEndpoint": document.Document{"advertiseAddress": n.IP.String(), "bindPort": n.APIPort},
			"certificateKey":   j.CertificateKey,
		}
	}
	config := Config{KindJoin: doc}
	if j.ControlPlane {
		config.bound(minor.JoinTimeout)
	}
	return config
}

// discoveryTimeout is how long kubeadm join looks for the cluster.
const discoveryTimeout = "30s"

func nodeRegistration(n node.Node, minor deps.Minor) document.Document {
	return document.Document{
		"name":             n.Name,
		"criSocket":        "unix://" + node.CRIOSocket,
		"imagePullPolicy":  "Never", // the two that are needed are there before
		"kubeletExtraArgs": extraArgs(minor, "node-ip", n.IP.String()),
	}
}

// extraArgs writes one extra argument in the form of the minor.
func extraArgs(minor deps.Minor, name, value string) any {
	if minor.ArgsForm == deps.ArgsMap {
		return document.Document{name: value}
	}
	return []any{document.Document{"name": name, "value": value}}
}

// PartTimeout is how long a part of the node may take to come up.
const PartTimeout = 90 * time.Second
