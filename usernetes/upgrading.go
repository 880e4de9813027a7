package usernetes

import (
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// Phases of an upgrade that others are told apart by.
const (
	phaseSave    = "save"
	phaseData    = "data"
	phaseKubeadm = "kubeadm"
)

// An upgrading is what one run of it knows.
type upgrading struct {
	record  upgrade.Record
	resumed string      // the phase that an earlier run has begun and not come to the end of
	made    steps.Steps // how the node was made
	tell    Tell
}

// Tell says a line beside what is printed.
type Tell func(format message.Format, args ...any)
