package usernetes

import (
	"errors"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A FaultLine is what is wrong, and what to do about it, "" when that is not
// known.
type FaultLine struct{ Fault, Remedy string }

func faultLine(err error) FaultLine {
	line := FaultLine{Fault: host.Printable(err.Error())}
	var known *host.Fault
	if errors.As(err, &known) {
		line.Remedy = known.Remedy
	}
	return line
}
