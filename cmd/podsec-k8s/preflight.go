package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// report prints every fault that was found, and fails once. Warnings do not
// make it fail.
func report(p *printer, findings []preflight.Finding) error {
	failed := 0
	for _, f := range findings {
		p.finding(f)
		if f.Fault != nil && !f.Warning {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return host.NewFault("fix these, or skip a check that is wrong: --ignore-preflight=NAME",
		"%w: %d of %d checks failed, nothing was changed", errPreflight, failed, len(findings))
}

// fromRoot returns what root has found, but for what is to be skipped.
func fromRoot(all []preflightFault, ignore []string) []preflight.Finding {
	var findings []preflight.Finding
	for _, f := range all {
		if !f.Required && preflight.Ignored(f.Check, ignore) {
			continue
		}
		findings = append(findings, preflight.Finding{
			Check: f.Check, Fault: &host.Fault{Err: f.Err.AsError(), Remedy: f.Remedy},
		})
	}
	return findings
}

// joinFindings makes one error of findings.
func joinFindings(findings []preflight.Finding) error {
	faults := make([]error, len(findings))
	for i, f := range findings {
		faults[i] = f.Fault
	}
	return errors.Join(faults...)
}

// openArchives opens image archives as root, for they may be root's alone. It
// returns the names of those that are open, and a finding for each other.
func openArchives(names []string) (open []string, files []*os.File, found []preflightFault) {
	for _, name := range names {
		file, err := openArchive(name)
		if err != nil {
			found = append(found, preflightFault{Check: "image-archive", Err: message.Of("reading the image archive: %w", err), Remedy: message.Of("specify a docker archive that exists; man podsec-k8s says how to make one")})
			continue
		}
		open, files = append(open, name), append(files, file)
	}
	return open, files, found
}

// openArchive waits for nobody: a FIFO may have no writer.
func openArchive(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
}
