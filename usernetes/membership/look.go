package membership

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// A member is what a machine remembers of its Node object.
type member struct{ UID string }

// removal is what a machine notes once it knows that it was removed. There is no
// way back from it but a reset.
type removal struct{ Seen time.Time }

// Look asks the cluster for this machine's Node object and remembers it. It reports
// whether the machine was removed from the cluster: whether the record has the Node
// object that the machine had. A Node object that is only gone is made again by the
// kubelet.
func Look(ctx context.Context, api *kubeapi.Client, name string) (removed bool, err error) {
	if host.Exists(node.RemovedFile) {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	own, err := api.Node(ctx, name)
	gone := kubeapi.HasStatus(err, http.StatusNotFound)
	if err != nil && !gone {
		return false, err
	}
	known, err := remembered()
	if err != nil || !gone && own.Metadata.UID == known {
		return false, err
	}
	if known != "" {
		listed, err := isListed(ctx, api, known)
		if err != nil {
			return false, err
		}
		if listed {
			return true, noteRemoval()
		}
	}
	if gone {
		return false, nil
	}
	return false, remember(own.Metadata.UID)
}

// LookHere is Look by the identity of this machine's kubelet; and, where the API of a
// control plane has ended with its member of etcd, by its administrator's, who asks
// at the cluster's endpoint. A machine without an identity was not removed.
func LookHere(ctx context.Context) (removed bool, err error) {
	n, err := node.LoadNode()
	if err != nil {
		return false, nil //nolint:nilerr // there is no node, or it says so elsewhere
	}
	var faults []error
	for _, config := range []string{node.KubeletConf, node.AdminConf} {
		if !host.Exists(node.StatePath(config)) {
			continue
		}
		api, err := kubeapi.NewClient(config)
		if err == nil {
			removed, err = Look(ctx, api, n.Name)
		}
		if err == nil {
			return removed, nil
		}
		faults = append(faults, err)
	}
	return false, errors.Join(faults...)
}

// Follow asks the cluster now and then, until it is known that this machine was
// removed. The guard stops the node then.
func Follow(ctx context.Context) {
	for {
		removed, err := LookHere(ctx)
		switch {
		case err != nil:
			slog.Debug("asking the cluster whether this machine is still a node of it", "error", err)
		case removed:
			slog.Warn("this machine was removed from its cluster")
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait.ResyncInterval):
		}
	}
}

// remembered returns the uid of the Node object that this machine had last, or "".
func remembered() (string, error) {
	var m member
	err := node.LoadState(node.MemberFile, &m)
	if err != nil && !node.IsMissing(err) {
		return "", message.Errorf("reading which Node object this machine has: %w", err)
	}
	return m.UID, nil
}

func remember(uid string) error {
	data, err := json.Marshal(member{uid})
	if err == nil {
		err = node.SaveState(node.MemberFile, data)
	}
	if err != nil {
		return message.Errorf("recording which Node object this machine has: %w", err)
	}
	return nil
}

func noteRemoval() error {
	data, err := json.Marshal(removal{time.Now().UTC()})
	if err == nil {
		err = host.WriteFile(node.RemovedFile, data, 0o600)
	}
	if err != nil {
		return message.Errorf("recording that this machine was removed from its cluster: %w", err)
	}
	return nil
}
