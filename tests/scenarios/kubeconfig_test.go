package scenarios

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// renewed: root's kubeconfig goes with the node's own, unless a person has
// changed it.
func renewed(m *machine) {
	was := m.run("cat /root/.kube/config")
	m.says("podsec-k8s kubeadm certs renew all", "kubeconfig /root/.kube/config was written again")
	if now := m.run("cat /root/.kube/config"); now == was {
		m.t.Error("the kubeconfig is as before")
	}
	m.says("kubectl get nodes", " Ready")
	m.says("podsec-k8s kubectl get nodes", " Ready")
	m.run("echo '# mine' >> /root/.kube/config && cp /root/.kube/config /root/mine && podsec-k8s kubeadm certs renew admin.conf && cmp /root/.kube/config /root/mine")
	m.fails("podsec-k8s kubeadm certs renew nothing-like-it", 1)
	m.run("sed -i '/^# mine/d' /root/.kube/config && podsec-k8s kubeadm certs renew admin.conf && kubectl get nodes")
}

// beside makes a control plane where a person has a kubeconfig: it stays, and how
// the new one is used is told.
func beside(m *machine) {
	m.run("install -d -m 700 /root/.kube && printf 'apiVersion: v1\nkind: Config\n' > /root/.kube/config && cp /root/.kube/config /root/mine")
	m.says(create, "Your kubeconfig: /root/.kube/config.podsec-k8s\n", "export KUBECONFIG=/root/.kube/config.podsec-k8s\n")
	m.run("cmp /root/.kube/config /root/mine && rm /root/mine")
	m.says("KUBECONFIG=/root/.kube/config.podsec-k8s kubectl get nodes", m.Name)
	m.run("mv /root/.kube/config.podsec-k8s /root/.kube/config")
}

// putDeadKubeconfig leaves root a kubeconfig as podsec-k8s writes them, of a
// cluster that is gone.
func putDeadKubeconfig(m *machine) {
	m.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		m.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		m.t.Fatal(err)
	}
	field := func(kind string, data []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
	}
	text := fmt.Sprintf(deadKubeconfig, m.Address, field("CERTIFICATE", cert), field("EC PRIVATE KEY", secret))
	m.run("install -d -m 700 /root/.kube && cat > /root/.kube/config <<'Y'\n" + text + "Y")
}

// deadKubeconfig takes the server's address, a certificate and a key.
const deadKubeconfig = `apiVersion: v1
kind: Config
clusters:
    - name: podsec-k8s
      cluster:
        server: https://%[1]s:6443
        certificate-authority-data: %[2]s
users:
    - name: podsec-k8s
      user:
        client-certificate-data: %[2]s
        client-key-data: %[3]s
contexts:
    - name: podsec-k8s
      context:
        cluster: podsec-k8s
        user: podsec-k8s
current-context: podsec-k8s
`

// kubeconfigsGo: a reset takes along what was written for root, wherever that is,
// but for what a person has changed.
func kubeconfigsGo(m *machine, create string) {
	m.says("kubectl get nodes", " Ready")
	m.says(create+" --write-kubeconfig /root/second", "already", "Your kubeconfig: /root/second\n")
	m.run("echo '# mine' >> /root/.kube/config")
	m.says("podsec-k8s reset --yes", "Your kubeconfig /root/.kube/config was changed by someone else", "Your kubeconfig /root/second belonged to that cluster")
	m.run("tail -1 /root/.kube/config | grep -x '# mine' && ! ls /root/second /var/lib/podsec-k8s/kubeconfigs.json && rm -r /root/.kube")
}
