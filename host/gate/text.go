package gate

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes one harmless line of a text: what is no character that is seen,
// such as a terminal's commands, what turns the direction of writing, and what
// has no width, is shown by its number.
func Line(text string) string {
	if strings.IndexFunc(text, harmful) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		b.WriteString(visible(r, text[:size]))
		text = text[size:]
	}
	return b.String()
}

// harmful reports whether a character is to be shown by its number. A byte that
// is not UTF-8 is one, too.
func harmful(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

func visible(r rune, raw string) string {
	switch {
	case !harmful(r):
		return raw
	case r == utf8.RuneError || r < utf8.RuneSelf:
		return fmt.Sprintf("\\x%02x", raw)
	case r < 1<<16:
		return fmt.Sprintf("\\u%04x", r)
	default:
		return fmt.Sprintf("\\U%08x", r)
	}
}

// A Text passes text on to a terminal or a file that is root's: each line as
// Line has it, with its tabs. What ends in the middle of a character waits for
// the rest of it.
type Text struct {
	to   io.Writer
	rest []byte // a part of a character
}

// NewText returns a filter in front of a writer. Close is to be called at the
// end.
func NewText(to io.Writer) *Text { return &Text{to: to} }

// Write takes any piece of a text.
func (t *Text) Write(p []byte) (int, error) {
	data := p
	if len(t.rest) > 0 {
		data = append(t.rest, p...)
	}
	end := len(data)
	for end > 0 && len(data)-end < utf8.UTFMax-1 && !utf8.RuneStart(data[end-1]) {
		end--
	}
	if end > 0 && !utf8.FullRune(data[end-1:]) {
		end--
	} else {
		end = len(data)
	}
	out := clean(string(data[:end]))
	t.rest = append(t.rest[:0:0], data[end:]...)
	if _, err := io.WriteString(t.to, out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what was left of a character.
func (t *Text) Close() error {
	_, err := io.WriteString(t.to, Line(string(t.rest)))
	t.rest = nil
	return err
}

// clean is Line for text of several lines. The lines of another system end in
// two characters; one of them is enough.
func clean(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if strings.IndexFunc(text, func(r rune) bool { return harmful(r) && r != '\n' && r != '\t' }) < 0 {
		return text
	}
	var b strings.Builder
	for {
		at := strings.IndexAny(text, "\n\t")
		if at < 0 {
			b.WriteString(Line(text))
			return b.String()
		}
		b.WriteString(Line(text[:at]))
		b.WriteByte(text[at])
		text = text[at+1:]
	}
}

// cleanStrings makes a Line of every string in an answer. Bytes stay as they
// are: they are for a program that checks them.
func cleanStrings(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		text := v.String()
		if len(text) > maxString {
			text = strings.ToValidUTF8(text[:maxString], "") + "…"
		}
		v.SetString(Line(text))
	case reflect.Pointer:
		if !v.IsNil() {
			cleanStrings(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				cleanStrings(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			cleanStrings(v.Index(i))
		}
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		clean := reflect.New(v.Elem().Type()).Elem() // what is in an interface can't be changed
		clean.Set(v.Elem())
		cleanStrings(clean)
		v.Set(clean)
	default: // a map has no place in an answer: Answer's test
	}
}

const maxString = 4 << 10 // bytes of one string; the rest of it is left out
