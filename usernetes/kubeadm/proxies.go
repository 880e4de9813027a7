package kubeadm

import (
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// CheckProxies finds a proxy among the variables that a kubeadm configuration
// sets for a component: the site's settings are for all programs alike.
// Source: kubeadm's reference of v1beta4, extraEnvs.
func (c Config) CheckProxies() *host.Fault {
	for _, path := range [][]string{{"apiServer"}, {"controllerManager"}, {"scheduler"}, {"etcd", "local"}} {
		variables, _ := document.Lookup(c[KindCluster], append(path, "extraEnvs")...).([]any)
		for _, variable := range variables {
			if name := document.ItemName(variable); node.IsProxyVariable(name) {
				return host.NewFault("remove it, and set HTTP_PROXY, HTTPS_PROXY and NO_PROXY in /etc/podsec-k8s/node.conf",
					"kubeadm configuration: %s has the variable %s, but proxies are settings of the site", strings.Join(path, "."), name)
			}
		}
	}
	return nil
}
