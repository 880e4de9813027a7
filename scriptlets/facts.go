package scriptlets

import (
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

// Facts is what a plan for a host depends on.
type Facts struct {
	User     host.Account      // the node's user, or what it is going to be
	SubUIDs  uint64            // start of its subordinate uids
	SubGIDs  uint64            // start of its subordinate gids
	More     []host.SubIDRange // ranges behind those, ours as well
	HasRange bool              // the user had large enough ranges before podsec-k8s
	Control  bool              // the host has ALT's control(8)
	Back     bool              // a cluster that was kept is taken back
	Home     host.HomeState
	Kubelet  Kubelet
	Scripts  Scripts
	Readers  Group // that may read the audit log
}

// A Group is one that the site has named.
type Group struct {
	Name    string // "" where it has named none
	GID     uint32
	Missing bool // there is no such group
}

// auditLog is the folder of the audit log. A group that there is not reads nothing.
func (f Facts) auditLog() host.LogFolder {
	return host.LogFolder{Path: units.AuditDir, UID: f.User.UID, GID: f.Readers.GID}
}

// home is the folder of the node's user, with the ids that its files may have.
func (f Facts) home() host.HomeFolder {
	return host.HomeFolder{Path: Home, UID: f.User.UID, GID: f.User.GID, SubUIDs: f.SubUIDs, SubGIDs: f.SubGIDs, More: f.More, Readme: f.Scripts.readme()}
}
