package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// A printer says things to the administrator, in English or Russian.
type printer struct {
	out, err io.Writer
	words    catalogue
}

// newPrinter takes the language from the environment, as gettext does.
func newPrinter(out, errOut io.Writer, getenv func(string) string) *printer {
	return &printer{out: out, err: errOut, words: catalogueFor(getenv)}
}

// say prints one line. format is English; the catalogue may have another.
func (p *printer) say(format string, args ...any) {
	fmt.Fprintf(p.out, p.words.format(format)+"\n", args...) //nolint:errcheck // there is nowhere else to say it
}

// aside prints one line beside the answer of another program.
func (p *printer) aside(format string, args ...any) {
	fmt.Fprintf(p.err, p.words.format(format)+"\n", args...) //nolint:errcheck // there is nowhere else to say it
}

// fault prints an error: each cause with its remedy on a line of its own.
func (p *printer) fault(err error) {
	for _, f := range faults(err) {
		fmt.Fprintf(p.err, "podsec-k8s: %s\n", p.words.text(f.Err.Error())) //nolint:errcheck // there is nowhere else to say it
		if f.Remedy != "" {
			p.remedy(f.Remedy)
		}
	}
}

func (p *printer) remedy(text string) {
	fmt.Fprintf(p.err, "  %s: %s\n", p.words.text("remedy"), p.words.text(text)) //nolint:errcheck // there is nowhere else to say it
}

// finding prints the result of one check.
func (p *printer) finding(f preflight.Finding) {
	if f.Fault == nil {
		return
	}
	kind := ""
	if f.Warning {
		kind = p.words.text("warning") + ": "
	}
	fmt.Fprintf(p.err, "podsec-k8s: [%s] %s%s\n", f.Check, kind, p.words.text(f.Fault.Error())) //nolint:errcheck // there is nowhere else to say it
	p.remedy(f.Fault.Remedy)
}

// Begin says that a phase begins.
func (p *printer) Begin(number, of int, phase string) {
	fmt.Fprintf(p.out, "[%d/%d] %s\n", number, of, p.words.text(phaseTitle(phase))) //nolint:errcheck // there is nowhere else to say it
}

// End says how long a phase took.
func (p *printer) End(_ string, took time.Duration, skipped bool) {
	if skipped {
		p.say("      done before")
		return
	}
	p.say("      done in %.1f s", took.Seconds())
}

// faults takes an error apart: each of joined errors is one fault, and a
// fault's remedy goes with all that was said on the way to it.
func faults(err error) []host.Fault {
	if err == nil || silent(err) {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && allFaults(joined.Unwrap()) {
		var all []host.Fault
		for _, one := range joined.Unwrap() {
			all = append(all, faults(one)...)
		}
		return all
	}
	one := host.Fault{Err: err}
	var f *host.Fault
	if errors.As(err, &f) {
		one.Remedy = f.Remedy
	}
	return []host.Fault{one}
}

// allFaults tells a join of faults from an error with two causes.
func allFaults(all []error) bool {
	for _, one := range all {
		var f *host.Fault
		if !errors.As(one, &f) {
			return false
		}
	}
	return len(all) > 1
}
