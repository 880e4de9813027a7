package usernetes

import (
	"errors"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestCheckCall: what can't be understood is told before anything is looked at.
func TestCheckCall(t *testing.T) {
	join := &kubeadm.JoinRequest{}
	for name, c := range map[string]struct {
		options Options
		join    *kubeadm.JoinRequest
		ok      bool
	}{
		"nothing":           {Options{}, nil, true},
		"all that there is": {Options{Network: node.VethMode, NodeIP: "192.0.2.10", Ignore: []string{"all", "firewall"}, Flags: []string{"--v=5"}}, nil, true},
		"no mode":           {Options{Network: "x"}, nil, false},
		"no address":        {Options{NodeIP: "x"}, nil, false},
		"no check":          {Options{Ignore: []string{"x"}}, nil, false},
		"no flag":           {Options{Flags: []string{"--x"}}, nil, false},
		"a flag of init":    {Options{Flags: []string{"--pod-network-cidr=10.0.0.0/16"}}, join, false},
		"a flag of join":    {Options{Flags: []string{"--node-name=x"}}, join, true},
	} {
		err := c.options.CheckCall(c.join)
		var m *node.Misuse
		if (err == nil) != c.ok || err != nil && !errors.As(err, &m) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckUpload: certificates are shared only where control planes could join.
func TestCheckUpload(t *testing.T) {
	endpoint := []byte("controlPlaneEndpoint: api.example:6443\n")
	for name, c := range map[string]struct {
		options Options
		ok      bool
	}{
		"not shared":    {Options{}, true},
		"no endpoint":   {Options{Upload: true, Config: []byte("kind: x\n")}, false},
		"by a flag":     {Options{Upload: true, Flags: []string{"--control-plane-endpoint=api.example:6443"}}, true},
		"by the file":   {Options{Upload: true, Config: endpoint}, true},
		"by the site":   {Options{Upload: true, SiteConfig: endpoint}, true},
		"a broken file": {Options{Upload: true, Config: []byte("[")}, true},
	} {
		if err := c.options.CheckUpload(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
