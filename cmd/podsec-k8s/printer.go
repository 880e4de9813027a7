package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// A printer says things to the administrator, in English or Russian.
type printer struct {
	out      *output
	err      io.Writer
	language message.Language
}

// newPrinter takes the language from the environment, as gettext does.
func newPrinter(out, errOut io.Writer, getenv func(string) string) *printer {
	return &printer{out: &output{to: out}, err: errOut, language: languageFor(getenv)}
}

// say prints one line.
func (p *printer) say(format message.Format, args ...any) { p.print(p.out, format, args...) }

// aside prints one line beside the answer of another program.
func (p *printer) aside(format message.Format, args ...any) { p.print(p.err, format, args...) }

func (p *printer) print(to io.Writer, format message.Format, args ...any) {
	fmt.Fprintln(to, p.language.Sprintf(format, args...)) //nolint:errcheck // there is nowhere else to say it
}

// help returns a text of a command's help.
func (p *printer) help(format message.Format, args ...any) string {
	return p.language.Sprintf(format, args...)
}

// fault prints an error: each cause with its remedy on a line of its own.
func (p *printer) fault(err error) {
	for _, f := range faults(err) {
		p.aside("podsec-k8s: %w", f.Err)
		p.remedy(f.Remedy)
	}
}

func (p *printer) remedy(text message.Text) {
	if !text.Empty() {
		p.aside("  remedy: %s", text)
	}
}

// finding prints the result of one check.
func (p *printer) finding(f preflight.Finding) {
	switch {
	case f.Fault == nil:
		return
	case f.Warning:
		p.aside("podsec-k8s: [%s] warning: %w", f.Check, f.Fault)
	default:
		p.aside("podsec-k8s: [%s] %w", f.Check, f.Fault)
	}
	p.remedy(f.Fault.Remedy)
}

// Begin says that a phase begins.
func (p *printer) Begin(number, of int, title message.Format) {
	p.say("[%d/%d] %s", number, of, title)
}

// End says how long a phase took.
func (p *printer) End(took time.Duration, skipped bool) {
	if skipped {
		p.say("      done before")
		return
	}
	p.say("      done in %.1f s", took.Seconds())
}

// faults takes an error apart: each of joined errors is one fault, and a
// fault's remedy goes with all that was said on the way to it.
func faults(err error) []host.Fault {
	if err == nil || alreadyPrinted(err) {
		return nil
	}
	if joined := message.Joined(err); allFaults(joined) {
		var all []host.Fault
		for _, one := range joined {
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

// allFaults reports whether there are several errors and each is a fault.
func allFaults(all []error) bool {
	for _, one := range all {
		var f *host.Fault
		if !errors.As(one, &f) {
			return false
		}
	}
	return len(all) > 1
}
