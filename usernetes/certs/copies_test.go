package certs

import (
	"os"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestRenewalThatIsCut: the next one gets back what is not whole, keeps what is new
// and whole, and one that is complete leaves no copy of a key.
func TestRenewalThatIsCut(t *testing.T) {
	roottest.Empty(t, "/var/lib")
	read := func(path string) string {
		data, err := os.ReadFile(node.StatePath(path))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const server, peer, admin = pki + "apiserver", pki + "etcd/peer", "/etc/kubernetes/admin.conf"
	oldCert, oldKey := madePair(t, "old")
	newCert, newKey := madePair(t, "new")
	conf, err := kubeapi.Access{Server: "https://192.0.2.10:6443", CA: oldCert, Cert: oldCert, Key: oldKey}.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{server, peer} {
		write(t, base+".crt", oldCert)
		write(t, base+".key", oldKey)
	}
	write(t, admin, conf)
	if err := BeginRenewal(); err != nil || !Interrupted() {
		t.Fatal(err)
	}
	write(t, server+".crt", newCert)
	write(t, server+".key", newKey)
	write(t, peer+".key", newKey) // its certificate is the old one
	write(t, admin, []byte(strings.Repeat("x", 10)))
	write(t, pki+".apiserver.key123", newKey) // of a write that was cut
	if err := BeginRenewal(); err != nil {
		t.Fatal(err)
	}
	if read(server+".crt") != string(newCert) || read(server+".key") != string(newKey) {
		t.Error("what is new and whole is lost")
	}
	if read(peer+".key") != string(oldKey) || read(peer+".crt") != string(oldCert) || read(admin) != string(conf) {
		t.Error("what is not whole stays")
	}
	if _, err := os.Stat(node.StatePath(pki + ".apiserver.key123")); !os.IsNotExist(err) {
		t.Errorf("the rest of a write stays: %v", err)
	}
	if err := EndRenewal(); err != nil || Interrupted() {
		t.Fatal(err)
	}
	for _, path := range []string{copies, copiesDraft} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}
