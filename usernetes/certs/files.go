package certs

import "github.com/alt-cloud/podsec-k8s/usernetes/node"

// A Keeper is who makes a certificate anew before it ends.
type Keeper string

// Keepers. Who keeps an authority made it: no program makes one anew.
const (
	KeptByKubeadm Keeper = "kubeadm"
	KeptByKubelet Keeper = "kubelet"
	KeptByPerson  Keeper = "administrator"
	KeptByUs      Keeper = "podsec-k8s"
)

// Names of the kubelet's certificates: the one by which the cluster knows it, and
// the one that it shows where nobody has signed it one.
const (
	KubeletClient     = "kubelet-client"
	KubeletSelfSigned = "kubelet-self-signed"
)

// A source is a file with a certificate. key is that of the authority that signs
// it: without it no program can make the certificate anew.
type source struct {
	name   string // as kubeadm certs check-expiration has it
	path   string
	keeper Keeper
	key    string
}

const (
	pki          = node.PKIDir + "/"
	kubeletPKI   = "/var/lib/kubelet/pki/"
	clusterKey   = pki + "ca.key"
	frontKey     = pki + "front-proxy-ca.key"
	etcdKey      = pki + "etcd/ca.key"
	kubeconfigOf = "/etc/kubernetes/"

	kubeletClient = kubeletPKI + "kubelet-client-current.pem"

	// The kubelet makes these two where nobody gives it others, and never anew.
	// Source: the kubelet's cmd/kubelet/app/server.go, InitializeTLS.
	kubeletCert = kubeletPKI + "kubelet.crt"
	kubeletKey  = kubeletPKI + "kubelet.key"
)

// sources lists the files in which a certificate may be. A worker has few of them,
// and a cluster whose etcd is elsewhere has none of etcd's.
// Source: kubeadm's certs/renewal and the Kubernetes documentation, "PKI
// certificates and requirements".
func sources() []source {
	return []source{
		{"admin.conf", kubeconfigOf + "admin.conf", KeptByKubeadm, clusterKey},
		{"super-admin.conf", kubeconfigOf + "super-admin.conf", KeptByKubeadm, clusterKey},
		{"controller-manager.conf", kubeconfigOf + "controller-manager.conf", KeptByKubeadm, clusterKey},
		{"scheduler.conf", kubeconfigOf + "scheduler.conf", KeptByKubeadm, clusterKey},
		{"apiserver", pki + "apiserver.crt", KeptByKubeadm, clusterKey},
		{"apiserver-kubelet-client", pki + "apiserver-kubelet-client.crt", KeptByKubeadm, clusterKey},
		{"apiserver-etcd-client", pki + "apiserver-etcd-client.crt", KeptByKubeadm, etcdKey},
		{"front-proxy-client", pki + "front-proxy-client.crt", KeptByKubeadm, frontKey},
		{"etcd-server", pki + "etcd/server.crt", KeptByKubeadm, etcdKey},
		{"etcd-peer", pki + "etcd/peer.crt", KeptByKubeadm, etcdKey},
		{"etcd-healthcheck-client", pki + "etcd/healthcheck-client.crt", KeptByKubeadm, etcdKey},
		{"ca", pki + "ca.crt", KeptByPerson, ""},
		{"front-proxy-ca", pki + "front-proxy-ca.crt", KeptByPerson, ""},
		{"etcd-ca", pki + "etcd/ca.crt", KeptByPerson, ""},
		{KubeletClient, kubeletClient, KeptByKubelet, ""},
		{"kubelet-server", kubeletPKI + "kubelet-server-current.pem", KeptByKubelet, ""},
		{KubeletSelfSigned, kubeletCert, KeptByUs, ""},
	}
}
