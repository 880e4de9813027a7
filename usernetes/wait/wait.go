package wait

import (
	"context"
	"errors"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Final is a fault that no waiting will mend.
type Final struct{ Err error }

// Error is that of the fault.
func (f Final) Error() string { return f.Err.Error() }

// Say is Error in any language.
func (f Final) Say() message.Text { return message.OfError(f.Err) }

// Unwrap returns the fault.
func (f Final) Unwrap() error { return f.Err }

// Until repeats a check until it holds, and gives its last fault when it
// does not in time, or is a final one.
func Until(ctx context.Context, timeout time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		fault := check()
		var last Final
		if fault == nil || errors.As(fault, &last) {
			return fault
		}
		select {
		case <-ctx.Done():
			return fault
		case <-time.After(Debounce):
		}
	}
}

// How long to wait after a change for more of them, and how often to look
// without one.
const (
	Debounce       = 200 * time.Millisecond
	ResyncInterval = 15 * time.Second
)
