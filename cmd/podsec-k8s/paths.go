package main

// Files of root's.
const (
	runFolder       = "/run/podsec-k8s"
	lockFile        = runFolder + "/lock"
	stateFolder     = "/var/lib/podsec-k8s"
	marker          = stateFolder + "/cluster"          // says to erase that the home holds a cluster
	kubeconfigNotes = stateFolder + "/kubeconfigs.json" // which we wrote
)
