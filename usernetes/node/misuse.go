package node

import (
	"fmt"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A Misuse is a call, or a value in it, that can't be understood. Nothing is
// done then.
type Misuse struct{ host.Fault }

// Unwrap returns the fault with its remedy.
func (m *Misuse) Unwrap() error { return &m.Fault }

// NewMisuse makes one. An empty remedy means the help of the command.
func NewMisuse(remedy, format string, args ...any) error {
	return &Misuse{host.Fault{Err: fmt.Errorf(format, args...), Remedy: remedy}}
}
