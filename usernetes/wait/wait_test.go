package wait

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestUntil: a check is repeated until it holds, for ever is not waited, and a
// final fault ends it at once.
func TestUntil(t *testing.T) {
	fault := errors.New("not yet")
	count := 0
	if err := Until(t.Context(), time.Hour, func() error {
		if count++; count < 3 {
			return fault
		}
		return nil
	}); err != nil || count != 3 {
		t.Errorf("checked %d times, %v", count, err)
	}
	count = 0
	err := Until(t.Context(), time.Hour, func() error { count++; return Final{fault} })
	if count != 1 || !errors.Is(err, fault) || err.Error() != "not yet" {
		t.Errorf("a final fault: checked %d times, %v", count, err)
	}
	if err := Until(t.Context(), time.Nanosecond, func() error { return fault }); !errors.Is(err, fault) {
		t.Errorf("out of time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := Until(ctx, time.Hour, func() error { cancel(); return fault }); !errors.Is(err, fault) {
		t.Errorf("canceled: %v", err)
	}
}
