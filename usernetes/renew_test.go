package usernetes

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/certs"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// quiet is a progress that nobody sees.
type quiet struct{}

func (quiet) Begin(int, int, message.Format) {}
func (quiet) End(time.Duration, bool)        {}

const (
	kubeletPair = "/var/lib/kubelet/pki/kubelet-client-current.pem"
	shownCert   = "/var/lib/kubelet/pki/kubelet.crt"
	clusterConf = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
)

// pemPair makes an authority that ends at a time, and its key.
func pemPair(t *testing.T, ends time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: ends.Add(-1000 * time.Hour), NotAfter: ends,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text}))
}

// finishedSite plays a machine with a node that was made: a control plane, or a worker.
func finishedSite(t *testing.T, master bool) *site {
	t.Helper()
	s := playSite(t)
	done := steps.PhaseInit
	if !master {
		s.node.APIPort, done = 0, steps.PhaseJoin
	}
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	if err := (steps.Steps{Finished: true, Done: []string{done}}).Save(); err != nil {
		t.Fatal(err)
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	cert, key := pemPair(t, time.Now().Add(1000*time.Hour))
	roottest.WriteFile(t, node.StatePath(kubeletPair), cert+key)
	s.systemd.Set(units.RootlessKit, played.Properties{"ActiveState": "active"})
	if !master {
		return s
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	s.api.Has(clusterConf, `{"data":{"ClusterConfiguration":"kind: ClusterConfiguration\n"}}`)
	for _, name := range staticpod.Components() {
		roottest.WriteFile(t, node.StatePath(node.ManifestsDir)+"/"+name+".yaml", "kind: Pod\nmetadata: {name: "+name+"}\nspec: {containers: [{name: "+name+", command: ["+name+"]}]}\n")
	}
	return s
}

func (s *site) renew(ctx context.Context, token string) error {
	return RenewCertificates(ctx, token, quiet{}, io.Discard)
}

// TestRenewMaster: the apiserver stops before etcd does, each service is waited for,
// and a kubelet that is well goes on.
func TestRenewMaster(t *testing.T) {
	s := finishedSite(t, true)
	if err := s.renew(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if ran := s.ran(); !slices.Equal(ran, []string{"kubeadm certs renew"}) {
		t.Errorf("ran %q", ran)
	}
	want := []string{
		"start u7s-rootlesskit.service", "restart u7s-kube-apiserver.service", "restart u7s-etcd.service", "start u7s-kube-apiserver.service",
		"restart u7s-kube-controller-manager.service", "restart u7s-kube-scheduler.service",
	}
	if calls := s.systemd.Calls(); !slices.Equal(calls, want) {
		t.Errorf("called %q", calls)
	}
	if certs.Interrupted() {
		t.Error("the renewal is not complete")
	}
}

// TestRenewMasterThatIsDown: kubeadm gets its configuration from the node, the
// kubelet is signed a certificate, and what fails is gone on with.
func TestRenewMasterThatIsDown(t *testing.T) {
	s := finishedSite(t, true)
	s.api.Refuses("GET "+clusterConf, 401)
	ca, key := pemPair(t, time.Now().Add(1000*time.Hour))
	roottest.WriteFile(t, node.StatePath(node.CAFile), ca)
	roottest.WriteFile(t, node.StatePath("/etc/kubernetes/pki/ca.key"), key)
	old, oldKey := pemPair(t, time.Now().Add(-time.Hour))
	roottest.WriteFile(t, node.StatePath(kubeletPair), old+oldKey)
	roottest.WriteFile(t, node.StatePath(shownCert), old)
	s.systemd.Ends("restart u7s-etcd.service", "failed")
	if err := s.renew(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "phase control-plane: restarting u7s-etcd.service") {
		t.Errorf("got %v", err)
	}
	if log, err := os.ReadFile(s.dir + "/log"); err != nil || !strings.Contains(string(log), "kubeadm certs renew all --config=/dev/stdin\n") {
		t.Errorf("ran %s, %v", log, err)
	}
	if !certs.Interrupted() {
		t.Error("what has failed is complete")
	}
	if c, _ := certs.ByName(certs.KubeletClient); !c.Serves(time.Now()) || c.Subject != "CN=system:node:m1,O=system:nodes" {
		t.Errorf("the kubelet has %+v", c)
	}
	if _, err := os.Stat(node.StatePath(shownCert)); !os.IsNotExist(err) {
		t.Errorf("the kubelet's old one stays: %v", err)
	}
	if err := s.renew(t.Context(), ""); err != nil || certs.Interrupted() {
		t.Errorf("the second run: %v", err)
	}
	if restarts := strings.Count(strings.Join(s.systemd.Calls(), "\n"), "restart "+units.Kubelet); restarts != 1 {
		t.Errorf("the kubelet was restarted %d times", restarts)
	}
	text, err := ownConfig(s.node)
	if err != nil || !bytes.Contains(text, []byte("kubernetesVersion: v1.26.3")) {
		t.Errorf("kubeadm got %s, %v", text, err)
	}
	roottest.WriteFile(t, node.InitFile, "kind: ClusterConfiguration\n")
	if text, err := ownConfig(s.node); err != nil || string(text) != "kind: ClusterConfiguration\n" {
		t.Errorf("kubeadm got %s, %v", text, err)
	}
}

// TestRenewKeepsLifetimes: what the cluster said of its certificates while it answered
// holds when it does not: at the last renewal, at the daily check, and at a join.
func TestRenewKeepsLifetimes(t *testing.T) {
	const cluster = `apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificateValidityPeriod: %s\n`
	s := finishedSite(t, true)
	has := func(period string) {
		s.api.Has(clusterConf, `{"data":{"ClusterConfiguration":"`+strings.Replace(cluster, "%s", period, 1)+`"}}`)
	}
	knows := func(period string) {
		t.Helper()
		config, err := ownConfig(s.node)
		if err != nil || !bytes.Contains(config, []byte("certificateValidityPeriod: "+period)) || !bytes.Contains(config, []byte("advertiseAddress: 127.0.0.1")) {
			t.Errorf("kubeadm gets %s, %v", config, err)
		}
	}
	has("720h")
	if err := s.renew(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	knows("720h")
	has("480h")
	if err := checkCertificates(t.Context(), s.node); err != nil {
		t.Fatal(err)
	}
	knows("480h")
	s.api.Refuses("GET "+clusterConf, 503)
	if err := s.renew(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	knows("480h")
	roottest.WriteFile(t, node.ClusterFile, "kind: Other\n")
	if config, err := ownConfig(s.node); err != nil || bytes.Contains(config, []byte("Other")) {
		t.Errorf("kubeadm gets %s, %v", config, err)
	}
}

// TestRenewWorker: a kubelet that the cluster knows renews its own, and one that it
// does not know any more gets a certificate by a token, which goes.
func TestRenewWorker(t *testing.T) {
	s := finishedSite(t, false)
	if err := s.renew(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if calls := s.systemd.Calls(); !slices.Equal(calls, []string{"start " + units.RootlessKit}) {
		t.Errorf("called %q", calls)
	}
	old, oldKey := pemPair(t, time.Now().Add(-time.Hour))
	roottest.WriteFile(t, node.StatePath(kubeletPair), old+oldKey)
	roottest.WriteFile(t, node.StatePath(node.TokenConf), "of a run that was cut")
	if err := s.renew(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "the cluster does not know this node any more") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(node.StatePath(node.TokenConf)); !os.IsNotExist(err) {
		t.Errorf("an old token stays: %v", err)
	}
	s.systemd.Ends("restart "+units.Kubelet, "failed")
	if err := s.renew(t.Context(), "abcdef.0123456789abcdef"); err == nil {
		t.Error("a kubelet that does not start is no fault")
	}
	if _, err := os.Stat(node.StatePath(node.TokenConf)); !os.IsNotExist(err) {
		t.Errorf("the token stays: %v", err)
	}
	if ran := s.ran(); len(ran) != 0 {
		t.Errorf("ran %q", ran)
	}
}

// TestRenewBootstrap: the kubelet gets the token and the address of its cluster, in a
// file that is there until it has its certificate.
func TestRenewBootstrap(t *testing.T) {
	s := finishedSite(t, false)
	cert, key := pemPair(t, time.Now().Add(time.Hour))
	old, oldKey := pemPair(t, time.Now().Add(-time.Hour))
	roottest.WriteFile(t, node.StatePath(kubeletPair), old+oldKey)
	s.systemd.Set(units.Flanneld, played.Properties{"ActiveState": "active"})
	seen := make(chan string, 1)
	go func() { // plays the kubelet
		for t.Context().Err() == nil {
			if data, err := os.ReadFile(node.StatePath(node.TokenConf)); err == nil {
				roottest.WriteFile(t, node.StatePath(kubeletPair), cert+key)
				seen <- string(data)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := s.renew(t.Context(), "abcdef.0123456789abcdef"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"token: abcdef.0123456789abcdef", "server: " + s.api.URL, "certificate-authority-data: "} {
		if text := <-seen; !strings.Contains(text, want) {
			t.Errorf("the kubelet got no %q: %s", want, text)
		} else {
			seen <- text
		}
	}
	if _, err := os.Stat(node.StatePath(node.TokenConf)); !os.IsNotExist(err) {
		t.Errorf("the token stays: %v", err)
	}
	if calls := s.systemd.Calls(); !slices.Contains(calls, "try-restart "+units.Flanneld) {
		t.Errorf("called %q", calls)
	}
}

// TestRenewNothing: of a machine without a node, or with half of one, nothing is
// renewed.
func TestRenewNothing(t *testing.T) {
	s := playSite(t)
	if err := s.renew(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "there is no node") {
		t.Errorf("got %v", err)
	}
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	if err := s.renew(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "partly created") {
		t.Errorf("got %v", err)
	}
	if calls := s.systemd.Calls(); len(calls) != 0 {
		t.Errorf("called %q", calls)
	}
}

// TestOthersFault: where there are other control planes, the remedy tells of them.
func TestOthersFault(t *testing.T) {
	for several, want := range map[bool]string{true: "run podsec-k8s certs renew on each of them", false: ""} {
		err := othersFault(node.Node{EtcdPeers: several}, message.New("no quorum"))
		if remedy := node.NewProblem(err).Remedy.String(); !strings.Contains(remedy, want) || (want == "") != (remedy == "") {
			t.Errorf("%v: %q", several, remedy)
		}
	}
}
