// Package host is the only door to the machine: it runs programs, talks to
// systemd, writes files, and makes the reversible changes that an installed
// podsec-k8s needs, each recorded in a journal before it is made.
package host

import "fmt"

// A Fault is an error whose cure is known.
type Fault struct {
	Err    error  // what was being done, and why it could not be
	Remedy string // one line: what the administrator can do about it
}

// Error says what went wrong, without the remedy.
func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// NewFault makes a fault of its remedy and a message.
func NewFault(remedy, format string, args ...any) *Fault {
	return &Fault{Err: fmt.Errorf(format, args...), Remedy: remedy}
}

// AsFault makes any error one with a remedy.
func AsFault(err error) *Fault {
	if f, ok := err.(*Fault); ok { //nolint:errorlint // a wrapped fault keeps its own remedy below
		return f
	}
	return &Fault{Err: err}
}
