package main

const kubeconfigNotes = stateFolder + "/kubeconfigs.json" // which we wrote

const runFolder = "/run/podsec-k8s"

const lockFile = runFolder + "/lock"

const stateFolder = "/var/lib/podsec-k8s"

const marker = stateFolder + "/cluster" // says to erase that the home holds a cluster
