package kubeadm

import (
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// KindUpgrade is the kind of the configuration of kubeadm upgrade.
const KindUpgrade = "UpgradeConfiguration"

// An Upgrade is a call of kubeadm upgrade: its arguments, and the configuration that it
// reads at node.UpgradeConfig, if its generation has one.
type Upgrade struct {
	Args   []string
	Config []byte
}

// ignored lists kubeadm's checks that are done without: CreateJob runs a pod for 15
// seconds at most, and podsec-k8s has waited for the nodes and CoreDNS itself.
// Source: kubeadm's phases/upgrade/health.go.
func ignored(site []string) []string { return append([]string{"CreateJob"}, site...) }

// PlanUpgrade makes the call that upgrades this node, with the cluster's configuration
// where first is set. made is the configuration by which kubeadm made the node. No
// image of the control plane is used.
// Source: kubeadm upgrade apply --help; kubeadm's reference of v1beta4.
func PlanUpgrade(minor deps.Minor, to string, first bool, made []document.Document) (u Upgrade, err error) {
	site, patches := fromMade(made)
	u.Args = []string{"upgrade", "node"}
	if first {
		u.Args = []string{"upgrade", "apply", to, "--yes"}
	}
	if minor.ArgsForm == deps.ArgsMap { // v1beta3, which has no such configuration
		u.Args = append(u.Args, "--ignore-preflight-errors="+strings.Join(append(ignored(site), "ImagePull"), ","))
		if patches != "" {
			u.Args = append(u.Args, "--patches="+patches)
		}
		return u, nil
	}
	settings := func() document.Document {
		one := document.Document{"imagePullPolicy": "Never", "ignorePreflightErrors": anyList(ignored(site))}
		if patches != "" {
			one["patches"] = document.Document{"directory": patches}
		}
		return one
	}
	u.Args = append(u.Args, "--config="+node.UpgradeConfig)
	u.Config, err = Config{KindUpgrade: {
		"apiVersion": minor.KubeadmAPI, "kind": KindUpgrade, "apply": settings(), "node": settings(),
		"timeouts": document.Document{"upgradeManifests": PartTimeout.String()},
	}}.Bytes()
	return u, err
}

// fromMade returns which checks a site ignores, and its folder of patches.
func fromMade(made []document.Document) (ignore []string, patches string) {
	for _, doc := range made {
		if !slices.Contains([]any{KindInit, KindJoin}, doc["kind"]) {
			continue
		}
		list, _ := document.Lookup(doc, "nodeRegistration", "ignorePreflightErrors").([]any)
		for _, name := range list {
			if text, ok := name.(string); ok {
				ignore = append(ignore, text)
			}
		}
		if folder, ok := document.Lookup(doc, "patches", "directory").(string); ok {
			patches = folder
		}
	}
	return ignore, patches
}

// UpgradedObjects lists the paths of what the cluster keeps of kubeadm's configuration,
// and kubeadm upgrade writes.
func UpgradedObjects() []string { return []string{kubeadmConfigPath, kubeletConfigPath} }
