package main

import (
	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"
)

// nearEnough is how much alike two names are, from 0 to 1, when one is likely
// to be meant by the other.
const nearEnough = 0.85

// nearest returns the name that is most like a given one, "" when none is.
// Source: cli's own suggestions, which name one however far it is.
func nearest(given string, names []string) string {
	best, name := nearEnough, ""
	for _, n := range names {
		if likeness := smetrics.JaroWinkler(n, given, 0.7, 4); likeness >= best {
			best, name = likeness, n
		}
	}
	return name
}

func commandNames(commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		names = append(names, c.Names()...)
	}
	return names
}

// flagNames lists the long names of a command's flags.
func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()[0])
	}
	return names
}
