package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// What an answer may have at most. The status of a node with a thousand ports
// has a fifth of a MiB, and six thousand values.
const (
	maxAnswer = 1 << 20  // bytes
	maxValues = 1 << 16  // members of objects and lists
	maxNotes  = 64 << 10 // bytes on standard error beside an answer
)

var errTooMuch = message.New("it is too long")

// Answer runs the program with a request, as JSON on its standard input, and
// reads its answer, one JSON value of the type that answer points to. Every
// string in it is made a Line. What the program says on standard error goes to
// notes, as Text.
func (c Call) Answer(ctx context.Context, request, answer any, notes io.Writer) error {
	out := &bounded{limit: maxAnswer}
	if err := c.run(ctx, request, out, NewText(&cut{to: notes, left: maxNotes}), false); err != nil {
		return err
	}
	if err := decode(out.Bytes(), answer); err != nil {
		return message.Errorf("reading the answer of %s: %w", c.Name, err)
	}
	return nil
}

// Copy runs the program with a request and hands on what it prints, as it is:
// whoever takes it has to bound and check it. What the program says on standard
// error goes to notes, as Text.
func (c Call) Copy(ctx context.Context, request any, to, notes io.Writer) error {
	return c.run(ctx, request, to, NewText(&cut{to: notes, left: maxNotes}), false)
}

// Show runs the program with a request and shows what it prints, as Text. The
// program ends when the context does, or somebody interrupts the caller. A
// writer that takes no more is told of in the end: a node is not left half made
// because nobody reads on.
func (c Call) Show(ctx context.Context, request any, out, notes io.Writer) error {
	return c.run(ctx, request, NewText(out), NewText(notes), true)
}

// run runs the program to its end. keep says that a writer that takes no more
// does not end it.
func (c Call) run(ctx context.Context, request any, out, notes io.Writer, keep bool) error {
	data, err := json.Marshal(request)
	if err != nil {
		return message.Errorf("querying %s: %w", c.Name, err)
	}
	ctx, stop := host.CatchInterrupts(ctx)
	defer stop()
	timed := ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	e, err := newPipes()
	if err != nil {
		return err
	}
	defer e.close()
	p, err := c.start(e.theirs[0], e.theirs[1], e.theirs[2], false)
	if err != nil {
		return err
	}
	e.hand()
	if c.Started != nil {
		if err := c.Started(p.pid); err != nil {
			p.end(0)
			return err
		}
	}
	go func() {
		e.in.Write(data) //nolint:errcheck // a program that does not read it tells why
		e.in.Close()     //nolint:errcheck // nothing is to be flushed
	}()
	failed := make(chan struct{}, 2)
	streams := []*stream{carry(e.out, out, keep, failed), carry(e.err, notes, true, failed)}
	p.await(timed, failed, c.grace())
	hurry := timed.Err() != nil
	err = errors.Join(streams[0].finish(hurry), streams[1].finish(hurry))
	switch {
	case ctx.Err() != nil:
		return c.failure(-1, context.Cause(ctx))
	case hurry && p.killed:
		return c.late()
	case err != nil:
		return message.Errorf("%s: %w", c.Name, err)
	}
	return c.ended(p.status)
}

// patience is how long a program without a deadline may take to end when it is
// told to: it may have to undo what it has begun.
const patience = 10 * time.Second

func (c Call) grace() time.Duration {
	if c.Timeout > 0 {
		return endTimeout
	}
	return patience
}

// late is the fault of a program that did not answer in time.
func (c Call) late() error {
	return host.WithRemedy(message.Errorf("%s: no answer within %s", c.Name, c.Timeout),
		"find the process that holds it: ps -fU %d; or restart the node: "+host.RestartNode, c.User.UID)
}

// decode reads exactly one value of exactly that type.
func decode(data []byte, answer any) error {
	if count := bytes.Count(data, []byte{','}) + bytes.Count(data, []byte{'{'}) + bytes.Count(data, []byte{'['}); count > maxValues {
		return errTooMuch
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(answer); err != nil {
		return errors.New(Line(err.Error())) // it may quote the answer
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return message.New("there is more data after the answer")
	}
	cleanStrings(reflect.ValueOf(answer))
	return nil
}

// bounded keeps what fits, and takes no more.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, errTooMuch
	}
	return b.Buffer.Write(p)
}

// cut passes on the first bytes and drops the rest.
type cut struct {
	to   io.Writer
	left int
}

func (c *cut) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if n > 0 {
		if _, err := c.to.Write(p[:n]); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
