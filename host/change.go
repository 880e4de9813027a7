package host

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Change is one reversible edit of the host. It is data: the journal
// keeps it as JSON.
type Change interface {
	Kind() string                                           // names the type in the journal
	Key() string                                            // names what is changed, among changes of one kind
	Describe() message.Text                                 // the line a plan prints
	Record(h *Host) (Before, error)                         // what Undo will need; changes nothing
	Apply(ctx context.Context, h *Host) error               // nothing to do is success
	Undo(ctx context.Context, h *Host, before Before) error // only what is still ours, else a *Kept
}

// A writer is a change that writes a file or a link: what a run leaves that is
// cut in that is removed by the next one.
type writer interface{ writes() (path string) }

// Before is what was there before a change, as JSON.
type Before = json.RawMessage

// A Plan is the changes that make a host ready, in order.
type Plan []Change

// Kept is what Undo says of something that is not as the change left it.
type Kept struct{ Path string }

// Error names it.
func (k *Kept) Error() string { return k.Say().String() }

// Say is Error in any language.
func (k *Kept) Say() message.Text { return message.Of("kept %s: changed since install", k.Path) }

// before makes the JSON of what a change recorded.
func before(what any) (Before, error) {
	data, err := json.Marshal(what)
	return data, err
}

func applyFault(err error) error {
	var known *Fault
	if errors.As(err, &known) {
		return &Fault{Err: err, Remedy: known.Remedy}
	}
	return WithRemedy(err,
		"fix the cause and run podsec-k8s host apply; the changes made so far were undone")
}

// decodeBefore reads what a change recorded.
func decodeBefore[T any](b Before) (T, error) {
	var was T
	if err := json.Unmarshal(b, &was); err != nil {
		return was, message.Errorf("reading the previous content: %w", err)
	}
	return was, nil
}

// errWaits is what Undo says of something that has to stay for now, and has
// been told.
var errWaits = message.New("it is needed")
