package usernetes

import (
	"context"
	"io"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
)

// inNodeQuietly runs a program in the node whose error output is for its error
// alone.
func (w *Work) inNodeQuietly(ctx context.Context, p namespace.Program) error {
	cmd, err := namespace.InNode(p)
	if err != nil {
		return err
	}
	cmd.Stdout = w.Out
	return cmd.Run(ctx)
}

// inNode runs a program in the node to its end and shows what it says.
func (w *Work) inNode(ctx context.Context, p namespace.Program) error {
	return w.inNodeFrom(ctx, p, nil)
}

func (w *Work) inNodeFrom(ctx context.Context, p namespace.Program, stdin io.Reader) error {
	cmd, err := namespace.InNode(p)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, w.Out, w.Out
	return cmd.Run(ctx)
}

// A Phase is one step of making a node.
type Phase struct {
	Name  string         // stable
	Title message.Format // for people
	Once  bool           // not done again when it was done in an earlier run
	Run   func(context.Context, *Work) error
}

// Work is what the phases work on.
type Work struct {
	Plan    Plan
	Manager *host.Manager // the user's systemd
	Out     io.Writer     // what the programs say
}

// Progress is told before and after each phase.
type Progress interface {
	Begin(number, of int, title message.Format)
	End(took time.Duration, skipped bool)
}
