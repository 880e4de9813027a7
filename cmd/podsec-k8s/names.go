package main

// programName is what the program is called by.
const programName = "podsec-k8s"

// The command has a name of its own as well.
const (
	createMaster     = "create-master"
	createMasterName = "podsec-k8s-" + createMaster
)
