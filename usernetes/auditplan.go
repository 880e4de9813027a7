package usernetes

import (
	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// initConfig makes our own configuration of a new cluster, with its audit log, unless
// another configuration says something of one.
func (o Options) initConfig(site node.Site) func(node.Node, deps.Minor) kubeadm.Config {
	return func(n node.Node, minor deps.Minor) kubeadm.Config {
		config := kubeadm.InitConfig(n, minor)
		if setting := o.audit(); !o.auditElsewhere() {
			setting.Log = site.Audit
			setting.Lay(config[kubeadm.KindCluster])
		}
		return config
	}
}

// auditElsewhere reports whether a configuration that is laid over ours has arguments
// for the audit log: then these hold, and none of ours.
func (o Options) auditElsewhere() bool {
	return audit.OfConfig(o.SiteConfig).Mode != audit.Off || audit.OfConfig(o.Config).Mode != audit.Off
}

// CheckAudit reports whether a flag and a configuration both say how the audit log is
// to be written.
func (o Options) CheckAudit() error {
	if o.Audit.Mode == "" || !o.auditElsewhere() {
		return nil
	}
	return node.NewMisuse("remove the flag, or the arguments audit-* of apiServer.extraArgs in the configuration",
		"flag --%s: %w", "audit", message.New("the kubeadm configuration sets the audit log too"))
}

// askedAudit is what is kept of --audit, to tell whether a later call asks for
// another one.
func (o Options) askedAudit() string {
	setting := o.audit()
	if setting.Mode == audit.Off {
		return string(audit.Off)
	}
	return setting.PolicyPath()
}

// audit is the setting, or the default one.
func (o Options) audit() audit.Setting {
	if o.Audit.Mode == "" {
		return audit.Setting{Mode: audit.Default}
	}
	return o.Audit
}
