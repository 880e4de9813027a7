package usernetes

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// cniFile sorts before what other packages may put there.
const cniFile = "/etc/cni/net.d/10-podsec-k8s.conflist"

// cniConfig is a CNI network configuration list of our two plugins.
// Source: the CNI specification, 1.0.0; the pages of the plugins bridge,
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

// writeCNI makes the node's CNI configuration from the subnet that flanneld
// leased. CRI-O reads the folder at any moment, so the file appears whole.
func writeCNI() error {
	data, err := os.ReadFile(subnetFile)
	if err != nil {
		return fmt.Errorf("reading flannel's subnet: %w", err)
	}
	lease, err := parseSubnet(string(data))
	if err != nil {
		return fmt.Errorf("reading flannel's subnet from %q: %w", subnetFile, err)
	}
	config, err := json.MarshalIndent(bridgeNetwork(lease), "", "\t")
	if err != nil {
		return fmt.Errorf("making the CNI configuration: %w", err)
	}
	if err := host.MkdirAll("/etc/cni/net.d", 0o755); err != nil {
		return fmt.Errorf("making the CNI configuration: %w", err)
	}
	return host.WriteFile(cniFile, config, 0o644)
}

func bridgeNetwork(l lease) cniConfig {
	return cniConfig{
		CNIVersion: "1.0.0", Name: "podsec-k8s",
		Plugins: []any{
			bridgePlugin{
				Type: "bridge", Bridge: "cni0", IsDefaultGateway: true, HairpinMode: true, MTU: l.mtu,
				IPAM: ipamPart{Type: "host-local", Ranges: [][]ipamRange{{{l.subnet}}}},
			},
			portmapPlugin{Type: "portmap", Capabilities: map[string]bool{"portMappings": true}},
		},
	}
}

// A lease is the node's part of the pod network.
type lease struct {
	subnet netip.Prefix
	mtu    int // bytes
}

// parseSubnet reads flannel's KEY=VALUE file.
func parseSubnet(text string) (l lease, err error) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "FLANNEL_SUBNET":
			l.subnet, err = netip.ParsePrefix(value)
		case "FLANNEL_MTU":
			l.mtu, err = strconv.Atoi(value)
		}
		if err != nil {
			return l, err
		}
	}
	if !l.subnet.IsValid() || l.mtu == 0 {
		return l, fmt.Errorf("no FLANNEL_SUBNET or no FLANNEL_MTU in it")
	}
	l.subnet = l.subnet.Masked()
	return l, nil
}
