package deps

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// A State says how a repository meets a pin.
type State int

// The states of a pin. Ambiguous is one that a package meets, but apt would
// take another one.
const (
	OK State = iota + 1
	Missing
	TooOld
	TooNew
	Ambiguous
	Altered
)

func (s State) String() string {
	return map[State]string{
		OK: "ok", Missing: "missing", TooOld: "too old", TooNew: "too new", Ambiguous: "ambiguous", Altered: "altered",
	}[s]
}

// MarshalText returns the word of String, for JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Report says of every pin how it is met.
type Report struct {
	Pins    []Result `json:"pins"`
	Damaged []Found  `json:"damaged"` // files that no pin could be told of
}

// A Result is how one pin is met, and by which packages.
type Result struct {
	Pin   Pin     `json:"pin"`
	State State   `json:"state"`
	Found []Found `json:"found"` // of each package the newest build; that of a pin that is met begins with what apt takes
}

// A Found is a package that provides what a pin names.
type Found struct {
	Package string `json:"package"`
	Version string `json:"version,omitempty"` // [EPOCH:]VERSION[-RELEASE]
	As      string `json:"as,omitempty"`      // the version that it provides the name in, when that is another
	File    string `json:"file"`              // below the repository
	State   State  `json:"state"`
	Why     string `json:"why,omitempty"` // what is wrong with the file
}

// Failed counts pins that are not met, and files that can't be trusted.
func (r Report) Failed() int {
	failed := len(r.Damaged)
	for _, p := range r.Pins {
		if p.State != OK {
			failed++
		}
	}
	return failed
}

// WriteTable prints a line for each pin, and one for each damaged file.
func (r Report) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STATE\tPIN\tFOUND") //nolint:errcheck // Flush reports
	for _, p := range r.Pins {
		fmt.Fprintf(table, "%s\t%s\t%s\n", p.State, p.Pin, printable(p.finding())) //nolint:errcheck // as above
	}
	for _, f := range r.Damaged {
		fmt.Fprintf(table, "%s\t-\t%s\n", f.State, printable(f.String())) //nolint:errcheck // as above
	}
	return table.Flush()
}

// finding says what was found for a pin, or what is wrong with it.
func (r Result) finding() string {
	var all []string
	for _, f := range r.Found {
		if r.State != Altered || f.State == Altered {
			all = append(all, f.String())
		}
	}
	text := strings.Join(all, ", ")
	switch r.State {
	case Missing:
		return "no package provides it"
	case Ambiguous:
		return "apt would not take the one that will do: " + text
	case OK:
		return r.Found[0].String()
	default:
		return text
	}
}

func (f Found) String() string {
	if f.State == Altered {
		return f.File + ": " + f.Why
	}
	text := f.Package + "-" + f.Version
	if f.As != "" {
		text += " as " + f.As
	}
	return text
}

// printable keeps what a repository wrote from commanding the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
