package steps

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Asked is what a node was made by. It is kept with the node's state, to tell
// whether a later call asks for something else. It holds no secret.
type Asked struct {
	NodeIP, Network string   // by flags; may be empty
	Archives        []string // by flags

	Upload bool   // the certificates were shared
	Audit  string `json:",omitempty"` // by a flag: where its policy is, or off
	Config string // for kubeadm
}

// A Role is what a machine is in its cluster.
type Role int

// The roles.
const (
	RoleNone    Role = iota // nothing yet
	RoleFirst               // the control plane that made the cluster
	RoleControl             // a control plane that joined it
	RoleWorker              // a worker
)

// The phases that kubeadm does.
const (
	PhaseInit = "control-plane"
	PhaseJoin = "join"
)

// Role says what was made here, to the end or half.
func (s Steps) Role(n node.Node) Role {
	switch {
	case slices.Contains(s.Done, PhaseInit):
		return RoleFirst
	case !slices.Contains(s.Done, PhaseJoin):
		return RoleNone
	case n.APIPort != 0:
		return RoleControl
	default:
		return RoleWorker
	}
}

// AskedFor returns what the node was made by. A node of an earlier version has
// only its configuration, and no more than that of one that joined; then known
// is false.
func (s Steps) AskedFor() (a Asked, known bool) {
	if s.Asked != nil {
		return *s.Asked, true
	}
	config, err := host.ReadFile(node.InitFile)
	if err != nil {
		return Asked{}, false
	}
	return Asked{Config: string(config)}, false
}

// Unfinished says how far the node was made.
func (s Steps) Unfinished() *host.Fault {
	const remedy = "run the same command again to continue (podsec-k8s-create-master or podsec-k8s join); or start over: podsec-k8s reset"
	if s.Begun == "" {
		return host.NewFault(remedy, "the node is partly created: no phase is completed")
	}
	return host.NewFault(remedy, "the node is partly created: phase %s is not completed", s.Begun)
}

// Steps is what was done on the way to a cluster; kept in the node's state.
type Steps struct {
	Done     []string // names of phases
	Begun    string   // the phase that was begun last
	Config   string   `json:",omitempty"` // SHA-256 of the configuration that kubeadm init was given last
	Finished bool
	Asked    *Asked `json:",omitempty"` // what the node was made by, once it is finished

	// Where the other members of etcd are asked, from before they let this
	// node's go: nil before that, and empty where none of them has said yet. And
	// that there is no way back from a reset any more.
	Leaving   []string `json:",omitzero"`
	Resetting bool     `json:",omitempty"`
}

// LoadSteps reads them. Where they are lost, and kubeadm has begun nothing
// here, nothing is lost with them.
func LoadSteps() (s Steps, err error) {
	err = node.LoadState(node.StepsFile, &s)
	var damaged *node.DamagedError
	switch {
	case node.IsMissing(err), errors.As(err, &damaged) && !HalfMade():
		return Steps{}, nil
	case errors.As(err, &damaged):
		return Steps{}, host.NewFault("delete the rest of the node: podsec-k8s reset --force; then create it again", "reading the completed phases: %w", err)
	case err != nil:
		return Steps{}, message.Errorf("reading the completed phases: %w", err)
	}
	return s, nil
}

// Save keeps them on the disk.
func (s Steps) Save() error {
	data, err := json.Marshal(s)
	if err != nil {
		return message.Errorf("recording the completed phase: %w", err)
	}
	return node.SaveState(node.StepsFile, data)
}

// HalfReset is the fault of a node that a reset has left half taken away, or nil.
func (s Steps) HalfReset() error {
	if !s.Resetting && (!s.Finished || s.Leaving == nil) {
		return nil
	}
	return host.NewFault("complete it: podsec-k8s reset; or podsec-k8s leave, if that was interrupted", "this node is partly deleted: podsec-k8s reset was interrupted")
}

// Removed is the fault of a machine that another one has removed from its cluster,
// or nil.
func Removed() error {
	if !host.Exists(node.RemovedFile) {
		return nil
	}
	return host.NewFault("delete the rest of the node: podsec-k8s reset; then this machine can join a cluster again",
		"this machine was removed from its cluster")
}

// Finished reports whether this machine's node was made to the end. One that
// kubeadm reset has taken from its cluster since, or another machine, is a fault.
func Finished() (bool, error) {
	s, err := LoadSteps()
	if err == nil {
		err = s.HalfReset()
	}
	if err == nil {
		err = Removed()
	}
	if err == nil && s.Finished && !host.Exists(node.StatePath(node.KubeletConf)) {
		return false, host.NewFault("delete the rest: podsec-k8s reset; then create or join the node again",
			"this node has no credentials in its cluster any more, as after kubeadm reset")
	}
	return s.Finished, err
}

// FirstUnfinished reports whether this node's cluster was begun here and never
// made to the end: then no other node is in it, and its endpoint may never have
// answered.
func FirstUnfinished() bool {
	s, err := LoadSteps()
	return s.UnfinishedFirst(err)
}

// UnfinishedFirst is firstUnfinished for steps that were read.
func (s Steps) UnfinishedFirst(err error) bool {
	return err == nil && !s.Finished && s.Begun != PhaseJoin && !slices.Contains(s.Done, PhaseJoin)
}
