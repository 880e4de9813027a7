package message

import "log/slog"

// A Language has the formats of one language for the English ones. The zero value
// is English.
type Language struct{ Catalogue Catalogue }

// A Catalogue has what a file of gettext's has.
type Catalogue interface {
	Get(english string, vars ...any) string
	GetN(one, many string, number int, vars ...any) string
}

// Format returns the format for an English one.
func (l Language) Format(english Format) string {
	if l.Catalogue == nil || english == "" {
		return string(english)
	}
	return l.Catalogue.Get(string(english))
}

// formOf returns the format of a text, in the form for its number.
func (l Language) formOf(t Text) string {
	switch {
	case t.Plural == "" || l.Catalogue == nil && t.Number == 1:
		return l.Format(t.Format)
	case l.Catalogue == nil:
		return string(t.Plural)
	default:
		return l.Catalogue.GetN(string(t.Format), string(t.Plural), t.Number)
	}
}

// Sprintf puts a message together.
func (l Language) Sprintf(format Format, args ...any) string { return l.Text(Of(format, args...)) }

// Error says an error: each link of its chain in the language, with its own
// arguments.
func (l Language) Error(err error) string { return l.Text(OfError(err)) }

// Text says a text.
func (l Language) Text(t Text) string {
	return put(l.formOf(t), t.Args, func(verb string, arg any) string {
		if text, ok := asText(arg); ok {
			return l.Text(text)
		}
		return value(verb, arg)
	})
}

// Equal reports whether two texts say the same.
func (t Text) Equal(other Text) bool { return t.String() == other.String() }

// String returns the text in English.
func (t Text) String() string { return Language{}.Text(t) }

// LogValue has the log in English.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
