package usernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	Finished bool
	Asked    *Asked `json:",omitempty"` // what the node was made by, once it is finished
}

func loadSteps() (steps, error) {
	var s steps
	data, err := os.ReadFile(stepsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("reading what was done so far: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("reading what was done so far from %q: %w", stepsFile, err)
	}
	return s, nil
}

func (s steps) save() error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("noting what was done: %w", err)
	}
	return host.WriteFile(stepsFile, data, 0o600)
}

// Finished tells whether this machine's node was made to the end. One that
// kubeadm reset has taken from its cluster since is a fault.
func Finished() (bool, error) {
	s, err := loadSteps()
	if err == nil && s.Finished && !canStat(kept(kubeletConf)) {
		return false, fault("take away what is left: podsec-k8s reset; then make or join the node anew",
			"this node has no identity in its cluster any more, as after kubeadm reset")
	}
	return s.Finished, err
}

// Make makes a node by a plan, or goes on with it after a fault. Once
// kubeadm has done its part, other settings are refused.
func Make(ctx context.Context, phases []Phase, plan Plan, progress Progress, out io.Writer) error {
	s, err := loadSteps()
	if err != nil {
		return err
	}
	if slices.Contains(s.Done, phaseInit) && !plan.sameAsBefore() {
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

// phaseFault names the phase. What has no remedy of its own gets the general
// one.
func phaseFault(phase string, err error) error {
	err = fmt.Errorf("phase %s: %w", phase, err)
	var known *host.Fault
	if errors.As(err, &known) {
		return err
	}
	return &host.Fault{Err: err, Remedy: "mend the cause and run the same command again, it goes on; or go back: podsec-k8s reset"}
}

// begin notes the phase that comes next, once there is a node to note it of.
func (s *steps) begin(phase string) error {
	s.Begun = phase
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
			if err := s.begin(phase.Name); err != nil {
				return err
			}
			if err := phase.Run(ctx, w); err != nil {
				return phaseFault(phase.Name, err)
			}
			s.Done = append(s.Done, phase.Name)
			if err := s.save(); err != nil {
				return err
			}
		}
		p.End(phase.Name, time.Since(start), skip)
	}
	s.Finished, s.Asked = true, &w.Plan.Asked
	return s.save()
}
