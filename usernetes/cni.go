package usernetes

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
)

// cniConfig is a CNI network configuration list of our two plugins.
// Its version is the newest that CNI plugins 0.9 know.
// Source: the CNI specification, 0.4.0; the pages of the plugins bridge,
// host-local and portmap.
type cniConfig struct {
	CNIVersion string `json:"cniVersion"`
	Name       string `json:"name"`
	Plugins    []any  `json:"plugins"`
}

type bridgePlugin struct {
	Type             string   `json:"type"`
	Bridge           string   `json:"bridge"`
	IsDefaultGateway bool     `json:"isDefaultGateway"`
	HairpinMode      bool     `json:"hairpinMode"`
	IPMasq           bool     `json:"ipMasq"`
	MTU              int      `json:"mtu"`
	IPAM             ipamPart `json:"ipam"`
}

type ipamPart struct {
	Type   string        `json:"type"`
	Ranges [][]ipamRange `json:"ranges"`
}

type ipamRange struct {
	Subnet netip.Prefix `json:"subnet"`
}

type portmapPlugin struct {
	Type         string          `json:"type"`
	Capabilities map[string]bool `json:"capabilities"`
}

// writeCNI makes the pods' bridge and the node's CNI configuration from the
// subnet that flanneld leased. CRI-O reads the folder at any moment, so the
// file appears whole, and after the bridge.
func writeCNI() error {
	lease, err := namespace.ReadSubnet()
	if err != nil {
		return err
	}
	config, err := json.MarshalIndent(bridgeNetwork(lease), "", "\t")
	if err != nil {
		return message.Errorf("creating the CNI configuration: %w", err)
	}
	if err := netlink.LinkAdd(namespace.BridgeLink(lease)); err != nil && !errors.Is(err, os.ErrExist) {
		return message.Errorf("creating the bridge %s: %w", namespace.PodBridge, err)
	}
	if err := host.MkdirAll("/etc/cni/net.d", 0o755); err != nil {
		return message.Errorf("creating the CNI configuration: %w", err)
	}
	return host.WriteFile(namespace.CNIFile, config, 0o644)
}

func bridgeNetwork(l namespace.Lease) cniConfig {
	return cniConfig{
		CNIVersion: "0.4.0", Name: "podsec-k8s",
		Plugins: []any{
			bridgePlugin{
				Type: "bridge", Bridge: namespace.PodBridge, IsDefaultGateway: true, HairpinMode: true, MTU: l.MTU,
				IPAM: ipamPart{Type: "host-local", Ranges: [][]ipamRange{{{l.Subnet}}}},
			},
			portmapPlugin{Type: "portmap", Capabilities: map[string]bool{"portMappings": true}},
		},
	}
}
