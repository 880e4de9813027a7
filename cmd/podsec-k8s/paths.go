package main

import (
	"os"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
)

// Files of root's.
const (
	runFolder       = "/run/podsec-k8s"
	lockFile        = runFolder + "/lock"
	marker          = host.StateDir + "/" + host.ClusterFile // says that the home holds a cluster
	upgradeMarker   = host.StateDir + "/upgrade.json"        // says that an upgrade is not complete
	kubeconfigNotes = host.StateDir + "/kubeconfigs.json"    // which we wrote
)

// newPlace is the absolute path of a file that is to be made in a folder that there
// is. What a run that was cut has left of it is removed.
func newPlace(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(filepath.Dir(path))
	}
	if err == nil {
		err = host.RemoveCutWrites(path)
	}
	return path, err
}
