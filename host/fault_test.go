package host

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestAsFault: a fault keeps its remedy, any other error has none, and the cause
// stays known.
func TestAsFault(t *testing.T) {
	f := NewFault("try again", "reading %q: %w", "x", os.ErrPermission)
	if AsFault(f) != f || f.Error() != `reading "x": permission denied` || !errors.Is(f, os.ErrPermission) {
		t.Errorf("%+v", f)
	}
	if got := AsFault(fmt.Errorf("then: %w", f)); !got.Remedy.Empty() || !errors.Is(got, f) {
		t.Errorf("%+v", got)
	}
}
