package scriptlets

import "github.com/alt-cloud/podsec-k8s/units"

// The node's user.
const (
	Admin = units.Admin
	Home  = units.Home
)
