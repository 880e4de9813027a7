package usernetes

import (
	"io"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestCheckEndpointOf(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		peers  bool
		good   bool
	}{
		"an endpoint":               {"controlPlaneEndpoint: api.example:6443", true, true},
		"etcd of its own":           {"controlPlaneEndpoint: api.example:6443\netcd: {external: {endpoints: [a]}}", false, true},
		"none":                      {"etcd: {local: {}}", false, false},
		"an endpoint written later": {"controlPlaneEndpoint: api.example:6443\netcd: {local: {}}", false, false},
		"broken":                    {"[", true, false},
	} {
		if err := checkEndpointOf([]byte(c.config), node.Node{EtcdPeers: c.peers}); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const aToken = "abcdef.0123456789abcdef"

// TestTokens: only a control plane has them, and what kubeadm prints is checked.
func TestTokens(t *testing.T) {
	s := playSite(t)
	if err := RunTokens(t.Context(), []string{"list"}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "not a control plane") {
		t.Errorf("%v", err)
	}
	if _, err := NewTicket(t.Context(), false, nil); err == nil || !strings.Contains(err.Error(), "not a control plane") {
		t.Errorf("%v", err)
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	if _, err := NewToken(t.Context(), nil, io.Discard); err == nil {
		t.Error("kubeadm has printed no token")
	}
	roottest.WriteFile(t, s.dir+"/token", aToken+"\n")
	if token, err := NewToken(t.Context(), []string{"--ttl=1h"}, io.Discard); err != nil || token.Token != aToken {
		t.Errorf("%v", err)
	}
	s.fails("kubeadm token")
	if _, err := NewToken(t.Context(), nil, io.Discard); err == nil {
		t.Error("kubeadm has failed")
	}
}

func TestTokenArgs(t *testing.T) {
	for _, c := range []struct {
		command, word string
		ok            bool
	}{{"create", aToken, true}, {"create", "abcdef", false}, {"delete", "abcdef", true}, {"delete", aToken, true}, {"delete", "--all", false}} {
		if err := TokenArgs(c.command, []string{c.word}); (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.command, c.word, err)
		}
	}
}

// TestTicket: a ticket for a control plane has a new key, where the cluster is open
// for more of them.
func TestTicket(t *testing.T) {
	s := playSite(t)
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	s.node.EtcdPeers = true
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	hash := "sha256:" + strings.Repeat("0a", 32)
	roottest.WriteFile(t, s.dir+"/token", "kubeadm join api.example:6443 --token "+aToken+" --discovery-token-ca-cert-hash "+hash+"\n")
	ticket, err := NewTicket(t.Context(), false, nil)
	if err != nil || ticket.CertificateKey != "" || ticket.Token != aToken {
		t.Errorf("%v", err)
	}
	if _, err := NewTicket(t.Context(), true, nil); err == nil || !strings.Contains(err.Error(), "getting the cluster's endpoint") {
		t.Errorf("%v", err)
	}
	s.api.Has(configPath, aClusterConfig)
	if ticket, err = NewTicket(t.Context(), true, nil); err != nil || len(ticket.CertificateKey) != 64 {
		t.Errorf("a key of %d characters, %v", len(ticket.CertificateKey), err)
	}
	s.fails("upload-certs")
	if _, err := NewTicket(t.Context(), true, nil); err == nil || !strings.HasPrefix(err.Error(), "sharing the control plane's certificates: ") {
		t.Errorf("%v", err)
	}
	if !hasFlag([]string{"--ttl=1h"}, "ttl") || hasFlag([]string{"--ttls=1h"}, "ttl") {
		t.Error("the wrong flag")
	}
}
