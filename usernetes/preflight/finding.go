package preflight

import (
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Check is one thing that must hold before anything is started. None of
// them repeats what kubeadm checks.
type Check struct {
	Name string // stable, for --ignore-preflight
	Run  func(Facts, node.Node) error
}

// A Finding is what a check found; a nil Fault is a check passed.
type Finding struct {
	Check   string
	Fault   *host.Fault
	Warning bool // it is said, and keeps nothing from being done
}

// Run runs every check that is not to be ignored.
func Run(checks []Check, f Facts, n node.Node, ignore []string) []Finding {
	var findings []Finding
	for _, check := range checks {
		if Ignored(check.Name, ignore) {
			continue
		}
		faults := Separate(check.Run(f, n))
		if len(faults) == 0 {
			faults = []*host.Fault{nil}
		}
		for _, one := range faults {
			findings = append(findings, Finding{Check: check.Name, Fault: one})
		}
	}
	return findings
}

// Ignored reports whether a check is among those to skip.
func Ignored(check string, ignore []string) bool {
	return slices.Contains(ignore, check) || slices.Contains(ignore, "all")
}

// Separate returns the faults of a check that may have found several; a wrapped
// join is one fault.
func Separate(err error) []*host.Fault {
	if err == nil {
		return nil
	}
	var all []*host.Fault
	for _, one := range message.Joined(err) {
		all = append(all, host.AsFault(one))
	}
	return all
}

// placed adds to a fault what it is about.
func placed(where string, err error) *host.Fault {
	known := host.AsFault(err)
	return &host.Fault{Err: message.Errorf("%s: %w", where, known.Err), Remedy: known.Remedy}
}
