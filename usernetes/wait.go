package usernetes

import (
	"context"
	"errors"
	"time"
)

// A final is a fault that no waiting will mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// within repeats a check until it holds, and gives its last fault when it
// does not in time, or is a final one.
func within(ctx context.Context, patience time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		fault := check()
		var last final
		if fault == nil || errors.As(fault, &last) {
			return fault
		}
		select {
		case <-ctx.Done():
			return fault
		case <-time.After(settle):
		}
	}
}

// How long to wait after a change for more of them, and how often to look
// without one.
const (
	settle  = 200 * time.Millisecond
	lookOut = 15 * time.Second
)
