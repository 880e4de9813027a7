package upgrade

import (
	"fmt"
	"strings"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// CheckStep reports whether a cluster may go from one version to another: to a later
// one of its minor, or of the next.
// Source: the Kubernetes documentation, "Version Skew Policy".
func CheckStep(from, to string) error {
	was, err := ParseVersion(from)
	if err != nil {
		return err
	}
	will, err := ParseVersion(to)
	if err != nil {
		return err
	}
	_, known := deps.MinorOf(to)
	switch {
	case will.Compare(was) < 0:
		return host.WithRemedy(message.Errorf("Kubernetes %s is older than the cluster, %s: a cluster does not go back to an older version, except by podsec-k8s upgrade rollback", to, from),
			"install a newer version: apt-get update, and see podsec-k8s upgrade plan")
	case will.Major != was.Major || will.Minor > was.Minor+1:
		next := fmt.Sprintf("%d.%d", was.Major, was.Minor+1)
		return host.WithRemedy(message.Errorf("from Kubernetes %s to %s is more than one minor version", from, to), "upgrade to Kubernetes %s first, with the podsec-k8s for it", next)
	case known != nil:
		return host.WithRemedy(known, "install the podsec-k8s for that version: apt-get install podsec-k8s")
	default:
		return nil
	}
}

// CheckNodes reports what nodes keep the cluster from an upgrade to a version: one that
// is not ready, or one that a former upgrade has left behind.
func (s State) CheckNodes(to string) error {
	was, err := ParseVersion(s.Cluster)
	if err != nil {
		return err
	}
	will, err := ParseVersion(to)
	if err != nil {
		return err
	}
	var silent, behind []string
	for _, m := range s.Nodes {
		v, err := ParseVersion(m.Version)
		if err != nil {
			return err
		}
		if !m.Ready {
			silent = append(silent, m.Name)
		}
		if !will.SameMinor(was) && !v.SameMinor(was) || v.Compare(will) > 0 {
			behind = append(behind, m.Name+" ("+m.Version+")")
		}
	}
	switch {
	case silent != nil:
		return host.NewFault("see podsec-k8s kubectl get nodes; start each of them, or take it out of the cluster: podsec-k8s remove-node NAME",
			"these nodes are not ready: %s", strings.Join(silent, ", "))
	case behind != nil:
		return host.NewFault("on each of them: podsec-k8s upgrade node", "these nodes are not of the cluster's version %s: %s", s.Cluster, strings.Join(behind, ", "))
	}
	return nil
}

// CheckRecord reports whether another upgrade is not at its end.
func (s State) CheckRecord(to string) error {
	if s.Record.Unfinished() && s.Record.To != to {
		return host.WithRemedy(message.Errorf("the upgrade of this node to Kubernetes %s is not complete", s.Record.To),
			"continue it: podsec-k8s upgrade resume; or go back: podsec-k8s upgrade rollback")
	}
	return nil
}
