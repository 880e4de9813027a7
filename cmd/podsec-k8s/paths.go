package main

import "github.com/alt-cloud/podsec-k8s/host"

// Files of root's.
const (
	runFolder       = "/run/podsec-k8s"
	lockFile        = runFolder + "/lock"
	marker          = host.StateDir + "/" + host.ClusterFile // says that the home holds a cluster
	kubeconfigNotes = host.StateDir + "/kubeconfigs.json"    // which we wrote
)
