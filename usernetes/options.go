package usernetes

import "github.com/alt-cloud/podsec-k8s/usernetes/audit"

// Options is what the administrator asks of create-master or join.
type Options struct {
	NodeIP     string   // "" means: site settings, else the default route's
	Network    string   // "" means: site settings
	ConfigName string   // name of the --config file, for messages
	Config     []byte   // its content; may be empty
	SiteConfig []byte   // content of the site's kubeadm configuration; may be empty
	Flags      []string // flags of kubeadm
	Archives   []string // names of the image archives that root has opened
	Ignore     []string // preflight checks to skip
	Audit      audit.Setting
	Upload     bool // share the certificates with further control planes

	GivenArchives []string // those of the archives that flags named
}
