package status

import (
	"context"
	"errors"
)

// A seen is why what was done was ended.
type seen struct{ error }

// until does something, and ends it with what watch sees meanwhile, if that is
// anything. watch ends when its context does.
func until(ctx context.Context, watch, do func(context.Context) error) error {
	watched, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		if err := watch(watched); err != nil {
			end(seen{err})
		}
	}()
	err := do(watched)
	var cause seen
	if err != nil && errors.As(context.Cause(watched), &cause) {
		return cause.error
	}
	return err
}
