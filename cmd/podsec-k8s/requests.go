package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// A nodeRequest is what root asks of u7s-admin for a node.
type nodeRequest struct {
	Options usernetes.Options
	Join    *kubeadm.JoinRequest      // nil for a control plane
	Restore *usernetes.RestoreRequest // nil for a new cluster; the last of the files is the backup
	Faults  []preflightFault          // what root has found already
	Site    node.Site                 // the settings, as root has read them, with the network of the call
	DryRun  bool
	Check   bool // look at the machine, and leave it at that
	Checked bool // that was done
}

// A preflightFault is a finding on its way from root to u7s-admin.
type preflightFault struct {
	Check       string
	Err, Remedy message.Text
	Required    bool `json:",omitempty"` // it cannot be skipped
}

// commands names the kubeadm command that the request comes to, and ours.
func (r nodeRequest) commands() (kubeadm, ours string) {
	if r.Join != nil {
		return "join", "podsec-k8s join"
	}
	if r.Restore != nil {
		return "init", "podsec-k8s restore"
	}
	return "init", createMasterName
}

func (r nodeRequest) plan(site node.Site, f preflight.Facts) (usernetes.Plan, error) {
	if r.Join != nil {
		return usernetes.PlanJoin(site, f, r.Options, *r.Join)
	}
	if r.Restore != nil {
		return usernetes.PlanRestore(site, f, r.Options, *r.Restore)
	}
	return usernetes.PlanMaster(site, f, r.Options)
}

func (r nodeRequest) phases() []usernetes.Phase {
	if r.Join != nil {
		return usernetes.JoinPhases()
	}
	if r.Restore != nil {
		return usernetes.RestorePhases()
	}
	return usernetes.MasterPhases()
}

// misused makes a fault of the configuration wrong usage where flags have a part
// in it.
func (r nodeRequest) misused(err error) error {
	var f *host.Fault
	if len(r.Options.Flags) == 0 || !errors.As(err, &f) {
		return err
	}
	return &node.Misuse{Fault: *f}
}

// files returns the archives that root has opened for this process, and the backup.
func (r nodeRequest) files() (archives []*os.File, backup *os.File) {
	names := len(r.Options.Archives)
	if r.Restore == nil {
		return inherited(names), nil
	}
	all := inherited(names + 1)
	return all[:names], all[names]
}

// inherited returns the files that root has opened for this process.
func inherited(count int) []*os.File {
	files := make([]*os.File, count)
	for i := range files {
		unix.CloseOnExec(3 + i)
		files[i] = os.NewFile(uintptr(3+i), "archive")
	}
	return files
}
