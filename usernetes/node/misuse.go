package node

import (
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// A Misuse is a call, or a value in it, that can't be understood. Nothing is
// done then.
type Misuse struct{ host.Fault }

// Unwrap returns the fault with its remedy.
func (m *Misuse) Unwrap() error { return &m.Fault }

// NewMisuse makes one. An empty remedy means the help of the command.
func NewMisuse(remedy, format message.Format, args ...any) error {
	return &Misuse{*host.NewFault(remedy, format, args...)}
}
