package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// An upgradeNote is root's note of an upgrade that is not complete: by it
// podsec-k8s-upgrade.service begins when the machine starts.
type upgradeNote struct {
	To         string   // a version
	First      bool     // as an usernetes.UpgradeRequest has it
	Back       bool     `json:",omitempty"` // the node is to go back
	Lossy      bool     `json:",omitempty"` // with etcd's data of before
	Uncordon   bool     `json:",omitempty"` // it takes no pods until the end
	Kubeconfig string   `json:",omitempty"` // by which it is uncordoned, on a worker
	Archives   []string `json:",omitempty"` // of images
}

// loadUpgradeNote reads it; found is false where there is none.
func loadUpgradeNote() (n upgradeNote, found bool, err error) {
	data, err := os.ReadFile(upgradeMarker)
	if errors.Is(err, fs.ErrNotExist) {
		return n, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		return n, true, message.Errorf("reading the note of the upgrade: %w", err)
	}
	return n, true, nil
}

func (n upgradeNote) save() error {
	data, err := json.Marshal(n)
	if err == nil {
		err = host.WriteFile(upgradeMarker, data, 0o600)
	}
	if err != nil {
		return message.Errorf("recording the upgrade: %w", err)
	}
	return nil
}

// upgradeQuestion asks how the node and its cluster are.
var upgradeQuestion = question[nothing, upgrade.State]{
	name: "upgrade-state", timeout: time.Minute,
	handle: func(ctx context.Context, _ nothing) (upgrade.State, error) { return usernetes.AskUpgrade(ctx) },
	check:  upgrade.State.Check,
}

// upgradeTask upgrades the node, or takes it back where that fails.
var upgradeTask = task[usernetes.UpgradeRequest]{
	name: "upgrade",
	handle: func(ctx context.Context, p *printer, r usernetes.UpgradeRequest) error {
		return usernetes.Upgrade(ctx, r, inherited(len(r.Archives)), p, newKubeadmFilter(os.Stdout), p.warn)
	},
}

// rollbackTask takes the node back.
var rollbackTask = task[usernetes.RollbackRequest]{
	name: "rollback",
	handle: func(ctx context.Context, p *printer, r usernetes.RollbackRequest) error {
		return usernetes.RollBack(ctx, r, p, newKubeadmFilter(os.Stdout), p.warn)
	},
}

// warn says what happens, and why, while a command goes on.
func (p *printer) warn(format message.Format, args ...any) {
	p.aside("podsec-k8s: %s", message.Of(format, args...))
}
