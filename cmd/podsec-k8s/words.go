package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// words is how many words, which are not flags, a command takes.
type words struct {
	needed []string // names of those that have to be there
	most   int      // anyNumber: no limit
}

// anyNumber of words may be given.
const anyNumber = -1

// wordsOf reads it from what the command's help shows: NAME is one word,
// [NAME] one that may be missing, NAME… one or more, and [NAME…] any number.
func wordsOf(usage string) words {
	var w words
	for name := range strings.FieldsSeq(usage) {
		bare, several := strings.CutSuffix(strings.Trim(name, "[]"), "…")
		if !strings.HasPrefix(name, "[") {
			w.needed = append(w.needed, bare)
		}
		if several {
			w.most = anyNumber
		} else if w.most != anyNumber {
			w.most++
		}
	}
	return w
}

// check reports whether as many words were given as the command takes.
func (w words) check(given []string) error {
	if len(given) < len(w.needed) {
		return misuse("argument %s is missing", w.needed[len(given)])
	}
	if w.most != anyNumber && len(given) > w.most {
		return misuse("unexpected argument %q; nothing was done", given[w.most])
	}
	return nil
}

// misuse makes an error of which the command's help is the remedy.
func misuse(format message.Format, args ...any) error {
	return &node.Misuse{Fault: host.Fault{Err: message.Errorf(format, args...)}}
}

// wrongUsage names a command's help as the remedy of a misuse that has none.
// Other errors stay as they are.
func wrongUsage(c *cli.Command, err error) error {
	var m *node.Misuse
	if !errors.As(err, &m) || !m.Remedy.Empty() {
		return err
	}
	named := *m
	named.Remedy = message.Of("see %s --help", callName(c))
	return &named
}

// flagError says in our words what the package flag says of a call.
func flagError(err error, flags []cli.Flag) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return noFlag("--"+strings.TrimLeft(name, "-"), flagNames(flags))
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return misuse("flag --%s needs a value", strings.TrimLeft(name, "-"))
	}
	var value, name string
	if n, _ := fmt.Sscanf(text, "invalid boolean value %q for -%s", &value, &name); n == 2 {
		return misuse("flag --%s: %w", strings.Trim(name, "-:"), message.Errorf("%q is not true or false", value))
	}
	if n, _ := fmt.Sscanf(text, "invalid value %q for flag -%s", &value, &name); n == 2 { // of a duration: no other flag is parsed
		return misuse("flag --%s: %w", strings.Trim(name, "-:"), message.Errorf("%q is no %s", value, "duration"))
	}
	return misuse("unknown flags: %w", err)
}

// noFlag is the fault of a flag that is none of the names.
func noFlag(given string, names []string) error {
	if near := nearest(strings.TrimLeft(given, "-"), names); near != "" {
		return misuse("there is no flag %s: did you mean --%s?", given, near)
	}
	return misuse("there is no flag %s", given)
}

// noCommand is the fault of a name that a command has nothing of below it.
func noCommand(of *cli.Command, name string) error {
	if near := nearest(name, commandNames(of.VisibleCommands())); near != "" {
		return wrongUsage(of, misuse("there is no command %q: did you mean %s?", name, near))
	}
	return wrongUsage(of, misuse("there is no command %q", name))
}
