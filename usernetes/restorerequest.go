package usernetes

import (
	"net/netip"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A RestoreRequest is what root has read in a backup.
type RestoreRequest struct {
	Digest     string     // of the manifest, which tells backups apart
	Kubernetes string     // versions
	Etcd       string     //
	Name       string     // of the control plane that it was made on
	Address    netip.Addr // of the same
	Node       node.Node  // the same, as it knew itself
	Site       []string   `json:"-"` // settings of the site that root's machine lacks or has otherwise
	Policy     []byte     // the site's for the audit log; nil where the backup has none
}
