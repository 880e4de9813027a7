package usernetes

import (
	"encoding/json"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A note is the name of what a unit leaves for the status command while the
// node runs.
type note string

const (
	notePorts     note = "ports"      // publishedPorts
	noteIDs       note = "ids"        // []FaultLine, pods that lack ids
	noteHostFiles note = "host-files" // []hostfs.Problem
	noteNetwork   note = "network"    // []FaultLine
	noteManifests note = "manifests"  // manifestFindings
)

func (n note) path() string { return filepath.Join(runtimeDir(), "u7s", string(n)+".json") }

// save writes it, as JSON, where it has changed.
func (n note) save(what any) error {
	data, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return writeChanged(n.path(), data)
}

// load reads it. Before the unit has left one the error is fs.ErrNotExist.
func (n note) load(to any) error {
	data, err := host.ReadFile(n.path())
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
