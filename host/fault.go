package host

import "github.com/alt-cloud/podsec-k8s/message"

// A Fault is an error whose cure is known.
type Fault struct {
	Err    error        // what was being done, and why it could not be
	Remedy message.Text // one line: what the administrator can do about it
}

// Error says what went wrong, without the remedy.
func (f *Fault) Error() string { return f.Err.Error() }

// Say is Error in any language.
func (f *Fault) Say() message.Text { return message.OfError(f.Err) }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// NewFault makes a fault of its remedy and a message.
func NewFault(remedy, format message.Format, args ...any) *Fault {
	return &Fault{message.Errorf(format, args...), message.Of(remedy)}
}

// WithRemedy makes a fault of an error and its remedy.
func WithRemedy(err error, remedy message.Format, args ...any) *Fault {
	return &Fault{err, message.Of(remedy, args...)}
}

// RestartNode is how an administrator restarts all of a node, for remedies: a
// systemctl restart is for its kubelet alone.
const RestartNode = "systemctl stop kubelet; systemctl start kubelet"

// AsFault makes any error one with a remedy.
func AsFault(err error) *Fault {
	if f, ok := err.(*Fault); ok { //nolint:errorlint // a wrapped fault keeps its own remedy below
		return f
	}
	return &Fault{Err: err}
}
