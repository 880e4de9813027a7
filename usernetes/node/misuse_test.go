package node

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

// TestMisuse: it is known as what it is, and by its cause.
func TestMisuse(t *testing.T) {
	err := NewMisuse("see the help", "no %s: %w", "flag", fs.ErrNotExist)
	var m *Misuse
	var f *host.Fault
	if !errors.As(err, &m) || !errors.As(err, &f) || f.Remedy.String() != "see the help" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%+v", err)
	}
}
