package node

import "context"

// Modes lists the network modes, the default first.
func Modes() []Mode { return []Mode{slirpMode(), pastaMode(), vethMode()} }

// ModeNames lists the names of the modes, the default first.
func ModeNames() (names []string) {
	for _, m := range Modes() {
		names = append(names, m.Name)
	}
	return names
}

// ModeOf returns the mode of that name. For any other text it returns the
// default: older nodes have "".
func ModeOf(name string) Mode {
	all := Modes()
	for _, m := range all {
		if m.Name == name {
			return m
		}
	}
	return all[0]
}

// UnfitModes tells which modes this machine can't have, and why.
func UnfitModes(ctx context.Context) map[string]error {
	unfit := map[string]error{}
	for _, m := range Modes() {
		if m.Unfit != nil {
			unfit[m.Name] = m.Unfit(ctx)
		}
	}
	return unfit
}

// Mode is the node's.
func (n Node) Mode() Mode { return ModeOf(n.Network) }

// FlannelInterface is what flanneld picks its device by. Where the root service
// makes the pod network's device, that is the node's address, as that device
// has it: so flanneld takes the device over.
// Source: flannel's Documentation/configuration.md and
// pkg/backend/vxlan/device.go, vxlanLinksIncompat.
func (n Node) FlannelInterface() string {
	if n.Mode().RootService {
		return n.IP.String()
	}
	return n.Mode().Device
}
