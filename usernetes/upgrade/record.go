package upgrade

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Record is how far the upgrade of a node is. It is kept in the node's state, and
// stays after the upgrade for as long as there is a way back.
type Record struct {
	From, To string   // versions
	First    bool     // the cluster's configuration is upgraded with this node
	Begun    string   `json:",omitempty"` // the phase that was begun last
	Done     []string `json:",omitempty"` // names of phases
	Finished bool     `json:",omitempty"`
	Back     bool     `json:",omitempty"` // it goes back, and can't do otherwise

	// When etcd's data of before were saved; zero where there are several control
	// planes, of which none can go back alone. Lossy says that they go back as well, and
	// what was written since is lost.
	Saved time.Time `json:",omitzero"`
	Lossy bool      `json:",omitempty"`
}

// LoadRecord reads it; an empty one is of no upgrade.
func LoadRecord() (r Record, err error) {
	if err := node.LoadState(node.UpgradeFile, &r); err != nil && !node.IsMissing(err) {
		return Record{}, message.Errorf("reading how far the upgrade is: %w", err)
	}
	return r, nil
}

// Save keeps it on the disk.
func (r Record) Save() error {
	data, err := json.Marshal(r)
	if err != nil {
		return message.Errorf("recording how far the upgrade is: %w", err)
	}
	return node.SaveState(node.UpgradeFile, data)
}

// Unfinished reports whether an upgrade, or its way back, was begun and is not at its
// end.
func (r Record) Unfinished() bool { return r.To != "" && (!r.Finished || r.Back) }

// Has reports whether a phase is done.
func (r Record) Has(phase string) bool { return slices.Contains(r.Done, phase) }

// Forget deletes the way back of this node, and then the record.
func Forget() error {
	return errors.Join(host.RemoveAll(node.SavedDir), host.RemoveAll(node.DraftOf(node.SavedDir)), host.Remove(node.UpgradeFile), host.Remove(node.CopyOf(node.UpgradeFile)), host.Remove(node.UpgradeConfig))
}
