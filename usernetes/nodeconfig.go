package usernetes

import (
	"fmt"
	"time"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// initConfig makes kubeadm's configuration of a new cluster.
// Source: kubeadm's reference pages of v1beta3 and v1beta4; KEP-2033.
func initConfig(n Node, minor deps.Minor) kubeadmConfig {
	config := kubeadmConfig{
		kindInit: {
			"apiVersion": minor.KubeadmAPI, "kind": kindInit,
			"localAPIEndpoint": document{"advertiseAddress": n.IP.String(), "bindPort": n.APIPort},
			"nodeRegistration": nodeRegistration(n, minor),
			"skipPhases":       []any{"addon/kube-proxy"}, // a service of every node instead
		},
		kindCluster: {
			"apiVersion": minor.KubeadmAPI, "kind": kindCluster,
			"kubernetesVersion": n.Kubernetes,
			"imageRepository":   n.ImageRepository,
			"networking":        document{"podSubnet": n.PodCIDR.String(), "serviceSubnet": n.ServiceCIDR.String()},
		},
		kindKubelet: {
			"apiVersion": kubeletAPI, "kind": kindKubelet,
			"featureGates":                  document{"KubeletInUserNamespace": true},
			"cgroupDriver":                  "cgroupfs",
			"failSwapOn":                    false,
			"localStorageCapacityIsolation": false,
			"staticPodPath":                 standInsDir,
		},
	}
	if n.EtcdPeers {
		// Peers come by RootlessKit's port driver, to the loopback address.
		listen := fmt.Sprintf("https://0.0.0.0:%d", peerPort)
		put(config[kindCluster], extraArgs(minor, "listen-peer-urls", listen), "etcd", "local", "extraArgs")
	}
	config.bound(minor.InitTimeout)
	return config
}

// bound keeps kubeadm from waiting longer for a part than a node may take.
func (c kubeadmConfig) bound(field []string) {
	if len(field) > 1 {
		put(c[field[0]], partTimeout.String(), field[1:]...)
	}
}

// joinConfig makes kubeadm's configuration of a further node. An endpoint that
// does not answer is given up after half a minute, not five.
func joinConfig(n Node, minor deps.Minor, j JoinRequest) kubeadmConfig {
	doc := document{
		"apiVersion": minor.KubeadmAPI, "kind": kindJoin,
		"nodeRegistration": nodeRegistration(n, minor),
		"discovery": document{"bootstrapToken": document{
			"apiServerEndpoint": j.Endpoint, "token": j.Token, "caCertHashes": anyList(j.CAHashes),
		}},
	}
	put(doc, discoveryTimeout, minor.DiscoveryTimeout...)
	if j.ControlPlane {
		doc["controlPlane"] = document{
			"localAPIEndpoint": document{"advertiseAddress": n.IP.String(), "bindPort": n.APIPort},
			"certificateKey":   j.CertificateKey,
		}
	}
	config := kubeadmConfig{kindJoin: doc}
	if j.ControlPlane {
		config.bound(minor.JoinTimeout)
	}
	return config
}

// discoveryTimeout is how long kubeadm join looks for the cluster.
const discoveryTimeout = "30s"

func nodeRegistration(n Node, minor deps.Minor) document {
	return document{
		"name":             n.Name,
		"criSocket":        "unix://" + crioSocket,
		"imagePullPolicy":  "Never", // the two that are needed are there before
		"kubeletExtraArgs": extraArgs(minor, "node-ip", n.IP.String()),
	}
}

// extraArgs writes one extra argument in the form of the minor.
func extraArgs(minor deps.Minor, name, value string) any {
	if minor.ArgsForm == deps.ArgsMap {
		return document{name: value}
	}
	return []any{document{"name": name, "value": value}}
}

// partTimeout is how long a part of the node may take to come up.
const partTimeout = 90 * time.Second
