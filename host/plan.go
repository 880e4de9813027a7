package host

import (
	"context"
	"errors"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Apply makes the changes of a plan that are not made yet, each recorded
// first. On a fault it takes back what it began in this call.
func (p Plan) Apply(ctx context.Context, h *Host) error {
	return h.exclusively(func(j *journal) error { return p.apply(ctx, h, j) })
}

func (p Plan) apply(ctx context.Context, h *Host, journal *journal) error {
	var begun []*record
	for _, change := range p {
		r, fresh, err := journal.note(change)
		if fresh && r != nil {
			begun = append(begun, r)
		}
		if err == nil {
			err = change.Apply(ctx, h)
		}
		if err != nil {
			err = message.Errorf("%s: %w", change.Describe(), err)
			return errors.Join(applyFault(err), journal.undo(context.WithoutCancel(ctx), begun))
		}
	}
	return nil
}

// Erase takes back every change in the journal, the last first, and goes on
// after a fault. What was changed since is kept and named.
func Erase(ctx context.Context, h *Host) error {
	return h.exclusively(func(j *journal) error { return j.undo(ctx, j.records) })
}

// Made lists the changes that the journal holds, the first first.
func Made(h *Host) ([]Change, error) {
	journal, err := openJournal(h)
	if err != nil {
		return nil, err
	}
	var made []Change
	for _, r := range journal.records {
		change, err := r.change()
		if err != nil {
			return nil, err
		}
		made = append(made, change)
	}
	return made, nil
}
