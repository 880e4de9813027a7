package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A question is what root asks of u7s-admin. The same program answers it, as the
// command podsec-k8s node NAME.
type question[Request, Answer any] struct {
	name    string
	timeout time.Duration                                        // how long the answer may take
	handle  func(ctx context.Context, r Request) (Answer, error) // the part that runs as u7s-admin
	check   func(Answer) error                                   // root's look at an answer, before it is used
}

// nothing is the request of a question that needs none.
type nothing struct{}

// ask asks u7s-admin, shows what it says beside the answer, and checks the answer.
func (q *question[Request, Answer]) ask(ctx context.Context, r Request) (Answer, error) {
	return q.askBeside(ctx, r, os.Stderr)
}

// askBeside is ask with another place for what is said beside the answer.
func (q *question[Request, Answer]) askBeside(ctx context.Context, r Request, notes io.Writer) (a Answer, err error) {
	if err := askNode(ctx, q.name, q.timeout, r, &a, notes); err != nil {
		return a, err
	}
	return a, q.check(a)
}

// serve is the part that runs as u7s-admin.
func (q *question[Request, Answer]) serve(c *cli.Context) error {
	var r Request
	if err := readRequest(&r); err != nil {
		return err
	}
	a, err := q.handle(c.Context, r)
	return writeAnswer(a, err)
}

// A task is what root has u7s-admin do, and shows. The same program does it, as
// the command podsec-k8s node NAME.
type task[Request any] struct {
	name    string
	timeout time.Duration // how long it may take; 0 is for what takes its time, and says what it is doing
	handle  func(ctx context.Context, p *printer, r Request) error
}

// run has u7s-admin do it. The files go to it as descriptors from 3 on.
func (t *task[Request]) run(ctx context.Context, r Request, files ...*os.File) error {
	return runNode(ctx, t.name, t.timeout, r, files)
}

// runScoped is run for what changes the node: it runs in the scope, and nothing of
// it runs any more when this returns.
func (t *task[Request]) runScoped(ctx context.Context, r Request, files ...*os.File) error {
	return runNodeScoped(ctx, t.name, t.timeout, r, files)
}

// serve is the part that runs as u7s-admin.
func (t *task[Request]) serve(c *cli.Context, p *printer) error {
	var r Request
	if err := readRequest(&r); err != nil {
		return err
	}
	return t.handle(c.Context, p, r)
}

// readRequest reads root's request.
func readRequest(to any) error {
	if err := json.NewDecoder(os.Stdin).Decode(to); err != nil {
		return message.Errorf("reading root's request: %w", err)
	}
	return nil
}

// writeAnswer writes what root reads, unless there is a fault.
func writeAnswer(answer any, err error) error {
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}
