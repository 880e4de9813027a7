package host

import (
	"context"
	"time"
)

// lookAgain is how long Within pauses between two checks.
const lookAgain = 200 * time.Millisecond

// Within repeats a check until it holds, and gives its last fault when it
// does not in time.
func Within(ctx context.Context, patience time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		fault := check()
		if fault == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fault
		case <-time.After(lookAgain):
		}
	}
}
