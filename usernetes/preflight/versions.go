package preflight

import (
	"context"
	"regexp"

	"github.com/alt-cloud/podsec-k8s/host"
)

// installedVersion is what a program says of itself, such as "etcd Version: 3.6.4" and
// "Kubernetes v1.34.4".
var installedVersion = regexp.MustCompile(`\bv?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+~-]*`)

// WithVersions adds the versions of the programs that run by the data of a backup. What
// does not tell its version is left out: whether it runs is asked elsewhere.
func (f Facts) WithVersions(ctx context.Context) Facts {
	f.Versions = map[string]string{}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"} {
		out, err := host.Command{Path: name, Args: []string{"--version"}}.Output(ctx)
		if version := installedVersion.FindString(string(out)); err == nil && version != "" {
			f.Versions[name] = version
		}
	}
	return f
}
