package usernetes

import (
	"testing"

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
