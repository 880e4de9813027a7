package usernetes

import (
	"maps"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// checkVersions reports whether this machine has programs for the backup. Another patch
// will do. A newer etcd reads the data of an older one, not the other way around.
// Source: etcd's documentation, "Upgrading" and "Downgrading".
func (r RestoreRequest) checkVersions(f preflight.Facts) error {
	if err := r.checkKubeadm(f.Kubernetes); err != nil {
		return err
	}
	var others []string
	for _, name := range slices.Sorted(maps.Keys(f.Versions)) {
		if compareMinors(f.Versions[name], r.Kubernetes) != 0 && name != staticpod.Etcd {
			others = append(others, name+" "+f.Versions[name])
		}
	}
	if len(others) > 0 {
		return r.wrongKubernetes(strings.Join(others, ", "))
	}
	if has := f.Versions[staticpod.Etcd]; has != "" && compareMinors(has, r.Etcd) < 0 {
		return host.WithRemedy(message.Errorf("the backup is of etcd %s, this machine has the older %s, which cannot read its data", r.Etcd, has),
			"install etcd %s or newer: apt-get install etcd", r.Etcd)
	}
	return nil
}

// checkKubeadm reports whether kubeadm is one for the backup.
func (r RestoreRequest) checkKubeadm(installed string) error {
	if installed == "" {
		return nil // preflight says so
	}
	has, err := deps.MinorOf(installed)
	if err != nil {
		return nil //nolint:nilerr // preflight says so
	}
	if wants, err := deps.MinorOf(r.Kubernetes); err == nil && wants.Version == has.Version {
		return nil
	}
	return r.wrongKubernetes(installed)
}

func (r RestoreRequest) wrongKubernetes(installed string) error {
	return host.NewFault("install the packages for the Kubernetes version of the backup, with the podsec-k8s for it",
		"the backup is of Kubernetes %s, this machine has %s", r.Kubernetes, installed)
}

// compareMinors compares versions such as v1.34.4 and 3.6.4 by their first two numbers.
// What is none is like any other.
func compareMinors(a, b string) int {
	one, errOne := upgrade.ParseVersion("v" + strings.TrimPrefix(a, "v"))
	two, errTwo := upgrade.ParseVersion("v" + strings.TrimPrefix(b, "v"))
	if errOne != nil || errTwo != nil {
		return 0
	}
	return one.CompareMinor(two)
}
