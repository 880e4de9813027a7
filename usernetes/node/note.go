package node

import (
	"encoding/json"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A note is the name of what a unit leaves for the status command while the
// node runs.
type note string

// The notes.
const (
	NotePorts     note = "ports"      // ports.Report
	NoteIDs       note = "ids"        // []Problem, pods that lack ids
	NoteHostFiles note = "host-files" // []hostfs.Problem
	NoteNetwork   note = "network"    // []Problem
	NoteManifests note = "manifests"  // manifestFindings
	NotePolicies  note = "policies"   // []Problem, NetworkPolicies that are not enforced

	// NotePolicySync is []Problem of what enforces them.
	NotePolicySync note = "policy-sync"
)

func (n note) path() string { return filepath.Join(OwnRuntimeDir(), "u7s", string(n)+".json") }

// Save writes it, as JSON, where it has changed.
func (n note) Save(what any) error {
	data, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return WriteChanged(n.path(), data)
}

// Load reads it. Before the unit has left one the error is fs.ErrNotExist.
func (n note) Load(to any) error {
	data, err := host.ReadFile(n.path())
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// Problems reads one that is []Problem; there are none before the unit has left one.
func (n note) Problems() (lines []Problem, err error) {
	if err := n.Load(&lines); err != nil && !IsMissing(err) {
		return lines, err
	}
	return lines, nil
}
