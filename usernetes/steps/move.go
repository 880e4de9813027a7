package steps

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Move is how far a change of the node's address is. It is kept from before anything
// is changed until all is, or is as it was.
type Move struct {
	From, To netip.Addr // of the node; equal where only the cluster has moved
	Server   string     `json:",omitempty"` // where a worker asks the cluster's API, as HOST:PORT; "" where it did before
	Asked    string     `json:",omitempty"` // the same, as the call has it
	Done     []string   `json:",omitempty"` // names of phases
	Stopped  time.Time  `json:",omitzero"`  // when the node was stopped for it
	Back     bool       `json:",omitempty"` // the node goes back to what it had
}

// LoadMove reads it; an empty one is of no change.
func LoadMove() (m Move, err error) {
	if err := node.LoadState(node.MoveFile, &m); err != nil && !node.IsMissing(err) {
		return Move{}, message.Errorf("reading how far the change of the address is: %w", err)
	}
	return m, nil
}

// Save keeps it on the disk.
func (m Move) Save() error {
	data, err := json.Marshal(m)
	if err != nil {
		return message.Errorf("recording how far the change of the address is: %w", err)
	}
	return node.SaveState(node.MoveFile, data)
}

// Begun reports whether a change was begun and is not at its end.
func (m Move) Begun() bool { return m.To.IsValid() }

// Has reports whether a phase is done.
func (m Move) Has(phase string) bool { return slices.Contains(m.Done, phase) }

// ForgetMove deletes the record, and with it what the change needed.
func ForgetMove() error {
	return errors.Join(host.RemoveAll(node.MovedPKI), host.RemoveAll(node.MovedDir), host.RemoveAll(node.DraftOf(node.MovedDir)), host.Remove(node.MoveFile), host.Remove(node.CopyOf(node.MoveFile)))
}

// HalfMoved is the fault of a node whose address was half changed, or nil.
func HalfMoved() error {
	m, err := LoadMove()
	if err != nil || !m.Begun() {
		return err
	}
	return host.NewFault("continue it: podsec-k8s change-address", "the change of this node's address is not complete")
}
