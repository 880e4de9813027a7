package message

import "fmt"

// An Error is an error that keeps its format and arguments.
type Error struct {
	text  Text
	cause error // what package fmt makes of them
}

// Errorf is fmt.Errorf, for an error that a person may see.
func Errorf(format Format, args ...any) error {
	return &Error{Of(format, args...), fmt.Errorf(string(format), args...)}
}

// New is errors.New, for an error that a person may see.
func New(text Format) error { return &Error{Of(text), nil} }

// AsError makes an error of a text.
func (t Text) AsError() error { return &Error{text: t} }

// Error says it in English.
func (e *Error) Error() string { return e.text.String() }

// Say returns the error as a text.
func (e *Error) Say() Text { return e.text }

// Unwrap returns the causes that the format has a %w for.
func (e *Error) Unwrap() []error {
	switch cause := e.cause.(type) { //nolint:errorlint // what fmt.Errorf has returned
	case interface{ Unwrap() []error }:
		return cause.Unwrap()
	case interface{ Unwrap() error }:
		return []error{cause.Unwrap()}
	}
	return nil
}

// Joined takes errors apart that were joined with errors.Join. One that says
// something about its causes is one error.
func Joined(err error) []error {
	_, one := err.(Sayer)
	if joined, ok := err.(interface{ Unwrap() []error }); ok && !one {
		return joined.Unwrap()
	}
	return []error{err}
}
