package main

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// Widths of a help page, in columns.
const (
	pageWidth = 80
	headWidth = 26 // of a flag or a command that has its text beside it
)

// printHelp has cli print our help pages. cli has one printer for the program.
func (p *printer) printHelp() {
	cli.HelpPrinter = func(to io.Writer, _ string, of any) {
		var c *cli.Command
		switch of := of.(type) {
		case *cli.Command:
			c = of
		case *cli.App:
			c = &cli.Command{HelpName: of.HelpName, Usage: of.Usage, Description: of.Description, Subcommands: of.Commands, Flags: of.Flags}
		}
		io.WriteString(to, p.helpPage(c)) //nolint:errcheck // the output keeps it
	}
}

// examples is the end of a command's description.
func (p *printer) examples(calls ...string) string {
	text := "\n\n" + p.help("Examples:")
	for _, call := range calls {
		text += "\n  " + strings.ReplaceAll(call, "\n", "\n      ")
	}
	return text
}

// helpPage is what --help shows of a command.
func (p *printer) helpPage(c *cli.Command) string {
	sections := []string{
		strings.Join(filled(callName(c)+" - "+c.Usage, pageWidth), "\n"),
		p.help("Usage:") + "\n  " + usageLine(c),
	}
	if text := strings.TrimSpace(c.Description); text != "" {
		sections = append(sections, flowed(text))
	}
	if rows := commandRows(c.VisibleCommands()); len(rows) > 0 {
		sections = append(sections, p.help("Commands:")+"\n"+table(rows))
	}
	if rows := p.flagRows(c.VisibleFlags()); len(rows) > 0 {
		sections = append(sections, p.help("Flags:")+"\n"+table(rows))
	}
	if len(c.VisibleCommands()) > 0 {
		sections = append(sections, p.help("More about a command: %s COMMAND --help", callName(c)))
	}
	return strings.Join(sections, "\n\n") + "\n"
}

// usageLine is the form of a call. Commands below are named where they are few.
func usageLine(c *cli.Command) string {
	line := callName(c)
	switch names := commandNames(c.VisibleCommands()); {
	case len(names) > 4:
		line += " COMMAND"
	case len(names) > 0:
		line += " " + strings.Join(names, "|")
	}
	if !passesAll(c) && len(c.VisibleFlags()) > 0 {
		line += " [FLAGS]"
	}
	return strings.TrimSpace(line + " " + c.ArgsUsage)
}

// A row is a flag or a command, and what is said of it.
type row struct{ head, text string }

func commandRows(commands []*cli.Command) (rows []row) {
	for _, c := range commands {
		rows = append(rows, row{c.Name, c.Usage})
	}
	return rows
}

// flagRows has a flag with the name of its value, which is in backquotes in its
// text, and with its default.
func (p *printer) flagRows(flags []cli.Flag) (rows []row) {
	for _, f := range flags {
		names, doc := f.Names(), f.(cli.DocGenerationFlag) //nolint:forcetypeassert // every flag of cli is one
		head := "    --" + names[0]
		if len(names) > 1 {
			head = "-" + names[1] + ", --" + names[0]
		}
		text := strings.ReplaceAll(doc.GetUsage(), "`", "")
		if _, value, ok := strings.Cut(doc.GetUsage(), "`"); ok {
			value, _, _ = strings.Cut(value, "`")
			head += " " + value
		}
		if _, several := f.(*cli.StringSliceFlag); several {
			text += "; " + p.help("may be repeated")
		}
		if value := defaultOf(f); value != "" {
			label := strings.TrimSuffix(p.help("default: %s", value), value)
			text += " (" + strings.ReplaceAll(label, " ", glue) + value + ")"
		}
		rows = append(rows, row{head, text})
	}
	return rows
}

// defaultOf returns what a flag is without being given, in words.
func defaultOf(f cli.Flag) string {
	switch f := f.(type) {
	case *cli.StringFlag:
		if f.DefaultText == "" {
			return f.Value
		}
		return f.DefaultText
	case *cli.DurationFlag:
		return strings.Replace(strings.TrimSuffix(f.Value.String(), "0s"), "h0m", "h", 1)
	}
	return ""
}

// table sets texts beside their heads, and below a head that is too wide.
func table(rows []row) string {
	column := 0
	for _, r := range rows {
		if width := utf8.RuneCountInString(r.head); width <= headWidth {
			column = max(column, width+4)
		}
	}
	var lines []string
	for _, r := range rows {
		line := "  " + r.head
		for i, text := range filled(r.text, pageWidth-column) {
			if i > 0 || utf8.RuneCountInString(r.head) > headWidth {
				lines, line = append(lines, line), ""
			}
			line += strings.Repeat(" ", column-utf8.RuneCountInString(line)) + text
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// flowed fills paragraphs. A line that begins with a space stays as it is.
func flowed(text string) string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		words := ""
		for line := range strings.Lines(paragraph) {
			line = strings.TrimSuffix(line, "\n")
			if !strings.HasPrefix(line, " ") {
				words += " " + line
				continue
			}
			lines, words = append(lines, filled(words, pageWidth)...), ""
			lines = append(lines, line)
		}
		lines = append(append(lines, filled(words, pageWidth)...), "")
	}
	return strings.Join(lines[:len(lines)-1], "\n")
}

// glue is a space at which no line ends.
const glue = "\u00a0"

// filled breaks a text into lines of whole words. A dash stays with the word
// before it.
func filled(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsFuncSeq(strings.ReplaceAll(text, " — ", glue+"— "), func(r rune) bool { return r == ' ' || r == '\n' }) {
		word = strings.ReplaceAll(word, glue, " ")
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// callName is what a command is called by.
func callName(c *cli.Command) string {
	if c.Name == createMaster {
		return createMasterName
	}
	return c.HelpName
}

// passesAll reports whether all that a command is given is for another program,
// which its help calls ARGS.
func passesAll(c *cli.Command) bool {
	return c.SkipFlagParsing && strings.HasSuffix(c.ArgsUsage, "[ARGS…]")
}
