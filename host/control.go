package host

import (
	"bytes"
	"context"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Control is a facility of ALT's control(8) set to a state.
type Control struct {
	Facility string
	State    string
}

// controlProgram is where ALT has it.
const controlProgram = "/usr/sbin/control"

// Kind names the type in the journal.
func (c Control) Kind() string { return "control" }

// Key is the facility.
func (c Control) Key() string { return c.Facility }

// Describe is the line a plan prints.
func (c Control) Describe() message.Text { return message.Of("control %s %s", c.Facility, c.State) }

// Record keeps the facility's state.
func (c Control) Record(h *Host) (Before, error) {
	state, err := c.state(h)
	if err != nil {
		return nil, err
	}
	return before(state)
}

func (c Control) state(h *Host) (string, error) {
	var out bytes.Buffer
	cmd := Command{Path: controlProgram, Args: []string{c.Facility}, Stdout: &out}
	if err := h.Run(context.Background(), cmd); err != nil {
		return "", message.Errorf("getting the setting of %s from control: %w", c.Facility, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// Apply sets the state.
func (c Control) Apply(ctx context.Context, h *Host) error {
	return h.run(ctx, controlProgram, c.Facility, c.State)
}

// Undo sets the state from before, when it is still ours.
func (c Control) Undo(ctx context.Context, h *Host, b Before) error {
	was, err := decodeBefore[string](b)
	if err != nil {
		return err
	}
	now, err := c.state(h)
	if err != nil || now != c.State {
		return err
	}
	return h.run(ctx, controlProgram, c.Facility, was)
}
