package deps

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/alt-cloud/podsec-k8s/message"
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

// Say returns the word for a state.
func (s State) Say() message.Text {
	return message.Of(map[State]message.Format{
		OK: "ok", Missing: "missing", TooOld: "too old", TooNew: "too new", Ambiguous: "ambiguous", Altered: "altered",
	}[s])
}

func (s State) String() string { return s.Say().String() }

// MarshalText returns the word in English, for JSON.
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
	fault   error  // Why, for any language
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
func (r Report) WriteTable(w io.Writer, language message.Language) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, language.Sprintf("STATE\tPIN\tFOUND")) //nolint:errcheck // Flush reports
	for _, p := range r.Pins {
		fmt.Fprintf(table, "%s\t%s\t%s\n", language.Text(p.State.Say()), p.Pin, printable(language.Text(p.finding()))) //nolint:errcheck // as above
	}
	for _, f := range r.Damaged {
		fmt.Fprintf(table, "%s\t-\t%s\n", language.Text(f.State.Say()), printable(language.Text(f.Say()))) //nolint:errcheck // as above
	}
	return table.Flush()
}

// finding says what was found for a pin, or what is wrong with it.
func (r Result) finding() message.Text {
	var all []message.Text
	for _, f := range r.Found {
		if r.State != Altered || f.State == Altered {
			all = append(all, f.Say())
		}
	}
	text := message.List(", ", all...)
	switch r.State {
	case Missing:
		return message.Of("no package provides it")
	case Ambiguous:
		return message.Of("apt would not choose the package that fits: %s", text)
	case OK:
		return r.Found[0].Say()
	default:
		return text
	}
}

// Say names the package, or says what is wrong with its file.
func (f Found) Say() message.Text {
	switch {
	case f.State == Altered:
		return message.Of("%s: %w", f.File, f.fault)
	case f.As != "":
		return message.Of("%s-%s as %s", f.Package, f.Version, f.As)
	default:
		return message.Of("%s-%s", f.Package, f.Version)
	}
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
