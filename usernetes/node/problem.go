package node

import (
	"errors"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// A Problem is what is wrong, and what to do about it, nothing when that is not
// known.
type Problem struct{ Fault, Remedy message.Text }

// NewProblem makes a problem of an error.
func NewProblem(err error) Problem {
	line := Problem{Fault: message.OfError(err)}
	var known *host.Fault
	if errors.As(err, &known) {
		line.Remedy = known.Remedy
	}
	return line
}
