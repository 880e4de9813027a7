package main

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// withUpgrade adds to a node's status an upgrade that is not complete, and packages of
// another version than the node has: that is normal between an update and an upgrade.
func withUpgrade(ctx context.Context, o status.Status) (status.Status, error) {
	note, found, err := loadUpgradeNote()
	if err != nil {
		return o, err
	}
	if found {
		o.Faults = append(o.Faults, node.NewProblem(host.NewFault("continue it: podsec-k8s upgrade resume; or go back: podsec-k8s upgrade rollback",
			"the upgrade of this node to Kubernetes %s is not complete", note.To)))
		return o, nil
	}
	installed, _, err := installedVersion(ctx)
	if err == nil && o.Kubernetes != "" && installed != o.Kubernetes {
		o.Warnings = append(o.Warnings, node.NewProblem(host.NewFault("see what to do: podsec-k8s upgrade plan",
			"Kubernetes %s is installed; this node runs %s until it is upgraded", installed, o.Kubernetes)))
	}
	return o, nil
}
