package usernetes

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// RunPhases makes a node by a plan, or goes on with it after a fault. Once
// kubeadm has done its part, other settings are refused.
func RunPhases(ctx context.Context, phases []Phase, plan Plan, progress Progress, out io.Writer) error {
	if err := removeState(ctx, node.GoneStateDir); err != nil { // of a reset that was cut
		return err
	}
	s, err := steps.LoadSteps()
	if err != nil {
		return err
	}
	if err := errors.Join(s.HalfReset(), node.TidyState()); err != nil {
		return err
	}
	if slices.Contains(s.Done, steps.PhaseInit) && !plan.sameAsBefore(s) {
		return host.NewFault("run the command with the same settings, or start over: podsec-k8s reset",
			"a cluster with other settings is partly created here")
	}
	manager, err := node.UserManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	return run(ctx, s, phases, &Work{Plan: plan, Manager: manager, Out: out}, progress)
}

// What to do about a phase that has failed: of a node that is made, and of one that is there.
const (
	continueOrReset message.Format = "fix the cause and run the same command again to continue; or start over: podsec-k8s reset"
	continueRemedy  message.Format = "fix the cause and run the same command again to continue"
)

// phaseFault names the phase. What was interrupted has no other cause. What has no
// remedy of its own gets this one.
func phaseFault(ctx context.Context, phase string, err error, remedy message.Format) error {
	if ctx.Err() != nil {
		return message.Errorf("phase %s: interrupted", phase)
	}
	err = message.Errorf("phase %s: %w", phase, err)
	var known *host.Fault
	if errors.As(err, &known) {
		return err
	}
	return host.WithRemedy(err, remedy)
}

// begin notes the phase that comes next, once there is a node to note it of.
func begin(s *steps.Steps, phase string, plan Plan) error {
	s.Begun = phase
	if phase == steps.PhaseInit {
		s.Config = plan.digest()
	}
	s.Done = slices.DeleteFunc(s.Done, func(name string) bool { return name == phase })
	if !host.Exists(node.NodeFile) {
		return nil
	}
	return s.Save()
}

// A record notes how far phases are.
type record interface {
	has(phase string) bool
	begin(phase string) error
	end(Phase) error
}

// runPhases runs phases in order, has each noted before and after, and stops at the
// first fault. What is done once is skipped where it is done, and on the disk before it
// is noted.
func runPhases(ctx context.Context, phases []Phase, w *Work, p Progress, r record, remedy message.Format) error {
	for i, phase := range phases {
		p.Begin(i+1, len(phases), phase.Title)
		start := time.Now()
		skip := phase.Once && r.has(phase.Name)
		if !skip {
			if err := r.begin(phase.Name); err != nil {
				return err
			}
			if err := phase.Run(ctx, w); err != nil {
				return phaseFault(ctx, phase.Name, err, remedy)
			}
			if phase.Once {
				if err := host.SyncFileSystem(node.StateDir); err != nil { // kubeadm does not wait for the disk
					return err
				}
			}
			if err := r.end(phase); err != nil {
				return err
			}
		}
		p.End(time.Since(start), skip)
	}
	return nil
}

// unrecorded is for phases that are all run again.
type unrecorded struct{}

func (unrecorded) has(string) bool    { return false }
func (unrecorded) begin(string) error { return nil }
func (unrecorded) end(Phase) error    { return nil }

// making is the record of a node that is made.
type making struct {
	steps *steps.Steps
	plan  Plan
}

func (m making) has(phase string) bool    { return slices.Contains(m.steps.Done, phase) }
func (m making) begin(phase string) error { return begin(m.steps, phase, m.plan) }

func (m making) end(p Phase) error {
	m.steps.Done, m.steps.Leaving = append(m.steps.Done, p.Name), nil
	return m.steps.Save()
}

// run makes a node by phases, or goes on with that.
func run(ctx context.Context, s steps.Steps, phases []Phase, w *Work, p Progress) error {
	if err := runPhases(ctx, phases, w, p, making{&s, w.Plan}, continueOrReset); err != nil {
		return err
	}
	s.Finished, s.Asked = true, &w.Plan.Asked
	return s.Save()
}
