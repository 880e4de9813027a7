package main

import (
	"slices"

	"github.com/urfave/cli/v2"
)

// Forms of an answer.
const (
	formText = "text"
	formJSON = "json"
)

// outputFlag picks the form of an answer. Another form is wrong usage before
// anything is done.
func outputFlag(p *printer) cli.Flag {
	return &cli.StringFlag{
		Name: "output", Aliases: []string{"o"}, Value: formText, Usage: p.help("`FORM` of the answer: text or json"),
		Action: func(c *cli.Context, form string) error {
			if slices.Contains([]string{formText, formJSON}, form) {
				return nil
			}
			return wrongUsage(c, misuse("output %q is neither text nor json", form))
		},
	}
}
