package message

import "strings"

// A Format is a text of the program's own, in English, with the verbs of package
// fmt. Every constant of this type is in the catalogue of each other language.
type Format string

// A Text is a format with its arguments. An argument that is an error or a Text
// is said in the language of the whole. The zero value says nothing.
type Text struct {
	Format Format
	Plural Format // the format for other numbers than 1; "" where no number counts
	Number int
	Args   []any
}

// Of makes a text.
func Of(format Format, args ...any) Text { return Text{Format: format, Args: args} }

// Count makes a text whose words depend on a number, such as "%d file" and
// "%d files". A language may have more forms than these two. The number is one of
// the arguments as well.
// Source: gettext's manual, "Additional functions for plural forms".
func Count(number int, one, many Format, args ...any) Text {
	return Text{Format: one, Plural: many, Number: number, Args: args}
}

// Plain makes a text of what another program or a person has said, which is the
// same in every language.
func Plain(text string) Text {
	if text == "" {
		return Text{}
	}
	return Text{Format: "%s", Args: []any{text}}
}

// Empty reports whether it says nothing.
func (t Text) Empty() bool { return t.Format == "" }

// List makes one text of several, with a separator between them.
func List(separator string, texts ...Text) Text {
	args := make([]any, len(texts))
	verbs := make([]string, len(texts))
	for i, text := range texts {
		args[i], verbs[i] = text, "%s"
	}
	return Text{Format: Format(strings.Join(verbs, strings.ReplaceAll(separator, "%", "%%"))), Args: args}
}

// A Sayer can be said in several languages.
type Sayer interface{ Say() Text }
