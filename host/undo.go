package host

import (
	"context"
	"errors"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
)

// undo takes changes back, the last first. A record goes when its change is
// undone, or kept because it is not ours any more; after a fault it stays,
// so that undo may be tried again. Before the user goes, what runs as it ends;
// a unit that would not stop in time is asked once more then.
func (j *journal) undo(ctx context.Context, records []*record) error {
	order := undoOrder(records)
	ofUser := slices.IndexFunc(order, func(r *record) bool { return userRank(r) >= 0 })
	if ofUser < 0 {
		ofUser = len(order)
	}
	slow, waits, faults := j.undoAll(ctx, order[:ofUser], true)
	if err := j.endProcesses(ctx, records); err != nil {
		return errors.Join(append(faults, err)...)
	}
	_, waitsToo, more := j.undoAll(ctx, append(slow, order[ofUser:]...), false)
	faults = append(faults, more...)
	if len(records) == len(j.records) && !waits && !waitsToo && errors.Join(faults...) == nil {
		faults = append(faults, j.host.remove(j.host.journalDir()))
	}
	return errors.Join(faults...)
}

// undoAll takes changes back in the order of their records. It returns those
// records whose change took too long to be taken back, when that is to be tried
// again, and whether one waits.
func (j *journal) undoAll(ctx context.Context, records []*record, again bool) (slow []*record, waits bool, faults []error) {
	for _, r := range records {
		err := j.undoRecord(ctx, r)
		switch {
		case errors.Is(err, errWaits):
			waits = true
		case again && errors.Is(err, context.DeadlineExceeded):
			slow = append(slow, r)
		default:
			faults = append(faults, err)
		}
	}
	return slow, waits, faults
}

// undoRecord takes one change back, and removes its record.
func (j *journal) undoRecord(ctx context.Context, r *record) error {
	err := j.undoOne(ctx, r)
	var kept *Kept
	if errors.As(err, &kept) {
		j.host.note("%w", kept)
		err = nil
	}
	if err != nil {
		return err
	}
	return j.host.remove(r.file(j.host))
}

// undoOrder is the last record first; but what the user is made of goes when
// all else is gone, whatever was recorded when. Ids can't go while the user has
// processes.
// Source: usermod(8), "--del-subuids".
func undoOrder(records []*record) []*record {
	all := slices.Clone(records)
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b *record) int { return userRank(a) - userRank(b) })
	return all
}

// userRank is the place of a record among those of what the user is made of; it
// is negative for all others.
func userRank(r *record) int { return kindIndex(userKinds(), r.Kind) }

// undoOne tries every form in which a change was made, the newest first.
func (j *journal) undoOne(ctx context.Context, r *record) (err error) {
	for _, data := range slices.Backward(r.Changes) {
		change, decodeErr := decodeChange(r.Kind, data)
		if decodeErr != nil {
			return message.Errorf("undoing: %w", decodeErr)
		}
		if err = change.Undo(ctx, j.host, r.Before); err == nil {
			return nil
		}
		err = message.Errorf("undoing: %s: %w", change.Describe(), err)
		var kept *Kept
		if !errors.As(err, &kept) {
			return err
		}
	}
	return err
}
