package usernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A Phase is one step of making a node.
type Phase struct {
	Name string // stable
	Once bool   // not done again when it was done in an earlier run
	Run  func(context.Context, *Work) error
}

// Work is what the phases work on.
type Work struct {
	Plan    Plan
	Manager *host.Manager // the user's systemd
	Out     io.Writer     // what the programs say
}

// Progress is told before and after each phase.
type Progress interface {
	Begin(number, of int, phase string)
	End(phase string, took time.Duration, skipped bool)
}

// steps is what was done on the way to a cluster; kept in the node's state.
type steps struct {
	Done     []string // names of phases
	Begun    string   // the phase that was begun last
	Config   string   `json:",omitempty"` // SHA-256 of the configuration that kubeadm init was given last
	Finished bool
	Asked    *Asked `json:",omitempty"` // what the node was made by, once it is finished

	// Where the other members of etcd are asked, from before they let this
	// node's go; and that there is no way back from a reset any more.
	Leaving   []string `json:",omitempty"`
	Resetting bool     `json:",omitempty"`
}

// loadSteps reads them. Where they are lost, and kubeadm has begun nothing
// here, nothing is lost with them.
func loadSteps() (s steps, err error) {
	err = loadState(stepsFile, &s)
	var damaged *damagedError
	switch {
	case isMissing(err), errors.As(err, &damaged) && !halfMade():
		return steps{}, nil
	case errors.As(err, &damaged):
		return steps{}, fault("take away what there is of the node: podsec-k8s reset --force; then make it anew", "reading what was done so far: %w", err)
	case err != nil:
		return steps{}, fmt.Errorf("reading what was done so far: %w", err)
	}
	return s, nil
}

func (s steps) save() error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("noting what was done: %w", err)
	}
	return saveState(stepsFile, data)
}

// halfReset is the fault of a node that a reset has left half taken away, or nil.
func (s steps) halfReset() error {
	if !s.Resetting && (!s.Finished || s.Leaving == nil) {
		return nil
	}
	return fault("go on with it: podsec-k8s reset", "this node is half taken away: a reset was interrupted")
}

// Finished tells whether this machine's node was made to the end. One that
// kubeadm reset has taken from its cluster since is a fault.
func Finished() (bool, error) {
	s, err := loadSteps()
	if err == nil {
		err = s.halfReset()
	}
	if err == nil && s.Finished && !canStat(kept(kubeletConf)) {
		return false, fault("take away what is left: podsec-k8s reset; then make or join the node anew",
			"this node has no identity in its cluster any more, as after kubeadm reset")
	}
	return s.Finished, err
}

// Make makes a node by a plan, or goes on with it after a fault. Once
// kubeadm has done its part, other settings are refused.
func Make(ctx context.Context, phases []Phase, plan Plan, progress Progress, out io.Writer) error {
	if err := removeState(ctx, stateGone); err != nil { // of a reset that was cut
		return err
	}
	s, err := loadSteps()
	if err != nil {
		return err
	}
	if err := errors.Join(s.halfReset(), tidyState()); err != nil {
		return err
	}
	if slices.Contains(s.Done, phaseInit) && !plan.sameAsBefore(s) {
		return fault("repeat the command with the same settings, or begin again: podsec-k8s reset",
			"a cluster with other settings is half made here")
	}
	manager, err := userManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	return s.run(ctx, phases, &Work{Plan: plan, Manager: manager, Out: out}, progress)
}

// phaseFault names the phase. What was interrupted has no other cause. What has no remedy of its own gets the general
// one.
func phaseFault(ctx context.Context, phase string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("phase %s: interrupted", phase)
	}
	err = fmt.Errorf("phase %s: %w", phase, err)
	var known *host.Fault
	if errors.As(err, &known) {
		return err
	}
	return &host.Fault{Err: err, Remedy: "mend the cause and run the same command again, it goes on; or go back: podsec-k8s reset"}
}

// begin notes the phase that comes next, once there is a node to note it of.
func (s *steps) begin(phase string, plan Plan) error {
	s.Begun = phase
	if phase == phaseInit {
		s.Config = plan.digest()
	}
	s.Done = slices.DeleteFunc(s.Done, func(name string) bool { return name == phase })
	if !canStat(nodeFile) {
		return nil
	}
	return s.save()
}

// run runs the phases in order, notes each that is done, and stops at the
// first fault.
func (s steps) run(ctx context.Context, phases []Phase, w *Work, p Progress) error {
	for i, phase := range phases {
		p.Begin(i+1, len(phases), phase.Name)
		start := time.Now()
		skip := phase.Once && slices.Contains(s.Done, phase.Name)
		if !skip {
			if err := s.begin(phase.Name, w.Plan); err != nil {
				return err
			}
			if err := phase.Run(ctx, w); err != nil {
				return phaseFault(ctx, phase.Name, err)
			}
			if phase.Once {
				if err := host.SyncFileSystem(state); err != nil { // kubeadm does not wait for the disk
					return err
				}
			}
			s.Done, s.Leaving = append(s.Done, phase.Name), nil
			if err := s.save(); err != nil {
				return err
			}
		}
		p.End(phase.Name, time.Since(start), skip)
	}
	s.Finished, s.Asked = true, &w.Plan.Asked
	return s.save()
}
