package node

import (
	"errors"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A Problem is what is wrong, and what to do about it, "" when that is not
// known.
type Problem struct{ Fault, Remedy string }

// NewProblem makes a problem of an error.
func NewProblem(err error) Problem {
	line := Problem{Fault: host.Printable(err.Error())}
	var known *host.Fault
	if errors.As(err, &known) {
		line.Remedy = known.Remedy
	}
	return line
}
