package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// A Change is one reversible edit of the host. It is data: the journal
// keeps it as JSON.
type Change interface {
	Kind() string                                           // names the type in the journal
	Key() string                                            // names what is changed, among changes of one kind
	Describe() string                                       // the line a plan prints
	Record(h *Host) (Before, error)                         // what Undo will need; changes nothing
	Apply(ctx context.Context, h *Host) error               // nothing to do is success
	Undo(ctx context.Context, h *Host, before Before) error // only what is still ours, else a *Kept
}

// Before is what was there before a change, as JSON.
type Before = json.RawMessage

// A Plan is the changes that make a host ready, in order.
type Plan []Change

// Kept is what Undo says of something that is not as the change left it.
type Kept struct{ Path string }

// Error names it.
func (k *Kept) Error() string { return fmt.Sprintf("kept %s: changed since install", k.Path) }

// decodeChange makes a change of its JSON.
func decodeChange(kind string, data []byte) (Change, error) {
	switch kind {
	case File{}.Kind():
		return decodeAs[File](data)
	case Link{}.Kind():
		return decodeAs[Link](data)
	case User{}.Kind():
		return decodeAs[User](data)
	case HomeFolder{}.Kind():
		return decodeAs[HomeFolder](data)
	case HomeOwner{}.Kind():
		return decodeAs[HomeOwner](data)
	case AccountFile{}.Kind():
		return decodeAs[AccountFile](data)
	case SubIDs{}.Kind():
		return decodeAs[SubIDs](data)
	case Linger{}.Kind():
		return decodeAs[Linger](data)
	case Sysctl{}.Kind():
		return decodeAs[Sysctl](data)
	case Modules{}.Kind():
		return decodeAs[Modules](data)
	case Control{}.Kind():
		return decodeAs[Control](data)
	case Reload{}.Kind():
		return decodeAs[Reload](data)
	case Stopped{}.Kind():
		return decodeAs[Stopped](data)
	case SetAside{}.Kind():
		return decodeAs[SetAside](data)
	case Ended{}.Kind():
		return decodeAs[Ended](data)
	default:
		return nil, fmt.Errorf("a newer podsec-k8s made a change of kind %q", kind)
	}
}

func decodeAs[C Change](data []byte) (Change, error) {
	var c C
	err := json.Unmarshal(data, &c)
	return c, err
}

// before makes the JSON of what a change recorded.
func before(what any) (Before, error) {
	data, err := json.Marshal(what)
	return data, err
}

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
			err = fmt.Errorf("%s: %w", change.Describe(), err)
			return errors.Join(applyFault(err), journal.undo(context.WithoutCancel(ctx), begun))
		}
	}
	return nil
}

func applyFault(err error) error {
	var known *Fault
	if errors.As(err, &known) {
		return &Fault{Err: err, Remedy: known.Remedy}
	}
	return &Fault{Err: err, Remedy: "mend the cause and run podsec-k8s host apply; what was begun has been taken back"}
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
		change, err := decodeChange(r.Kind, r.Changes[len(r.Changes)-1])
		if err != nil {
			return nil, err
		}
		made = append(made, change)
	}
	return made, nil
}

// decodeBefore reads what a change recorded.
func decodeBefore[T any](b Before) (T, error) {
	var was T
	if err := json.Unmarshal(b, &was); err != nil {
		return was, fmt.Errorf("reading what was there: %w", err)
	}
	return was, nil
}
