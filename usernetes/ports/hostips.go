package ports

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
)

// hostIPs lists the addresses of the machine, beside the node's own, on which
// pods of this node ask for a port. They have to be local in the namespaces,
// as on a rootful node: CRI-O, or the pod itself, listens there.
// Source: CRI-O's internal/hostport, "cannot open hostport".
func (m machineState) hostIPs() (all []netip.Addr) {
	for _, p := range m.pods {
		if standIn(p) || p.Ended() {
			continue
		}
		for _, c := range slices.Concat(p.Spec.Containers, p.Spec.InitContainers) {
			for _, one := range c.Ports {
				address, err := netip.ParseAddr(one.HostIP)
				if err == nil && address.Is4() && !address.IsUnspecified() && !address.IsLoopback() && address != m.node.IP && m.has(address) {
					all = append(all, address)
				}
			}
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// hostIPLabel marks the addresses of the namespaces that are there for pods.
// Source: ip-address(8), "label".
const hostIPLabel = "lo:hostip"

// giveHostIPs gives the namespaces these addresses, and takes others away that
// it gave before. It is for u7s-admin.
func giveHostIPs(ctx context.Context, want []netip.Addr) error {
	var out bytes.Buffer
	if err := ipInNode(ctx, &out, "-json", "-4", "address", "show", "dev", "lo", "label", hostIPLabel); err != nil {
		return message.Errorf("listing the namespaces' addresses: %w", err)
	}
	have, err := parseAddresses(out.Bytes())
	if err != nil {
		return message.Errorf("listing the namespaces' addresses: %w", err)
	}
	for _, address := range want {
		if !slices.Contains(have, address) {
			if err := ipInNode(ctx, nil, "address", "replace", address.String()+"/32", "dev", "lo", "label", hostIPLabel); err != nil {
				return message.Errorf("adding the address %s to the namespaces: %w", address, err)
			}
		}
	}
	for _, address := range have {
		if !slices.Contains(want, address) {
			if err := ipInNode(ctx, nil, "address", "delete", address.String()+"/32", "dev", "lo"); err != nil {
				return message.Errorf("removing the address %s from the namespaces: %w", address, err)
			}
		}
	}
	return nil
}

func ipInNode(ctx context.Context, out *bytes.Buffer, args ...string) error {
	cmd, err := namespace.InNode(namespace.Program{Name: "ip", Args: args})
	if err != nil {
		return err
	}
	if out != nil {
		cmd.Stdout = out
	}
	return cmd.Run(ctx)
}

// parseAddresses reads ip's JSON.
func parseAddresses(data []byte) (all []netip.Addr, err error) {
	var devices []struct {
		Addresses []struct {
			Local netip.Addr `json:"local"`
		} `json:"addr_info"`
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(data, &devices); err != nil {
		return nil, err
	}
	for _, d := range devices {
		for _, a := range d.Addresses {
			if a.Local.IsValid() {
				all = append(all, a.Local)
			}
		}
	}
	return all, nil
}
