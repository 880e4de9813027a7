package message

import (
	"fmt"
	"regexp"
	"strings"
)

// Verb matches what package fmt puts a value in place of, and %%.
var Verb = regexp.MustCompile(`%[-+# 0]*[0-9]*(\.[0-9]+)?[a-zA-Z%]`)

// put puts arguments, said by say, in place of the verbs of a format.
func put(format string, args []any, say func(verb string, arg any) string) string {
	next := 0
	return Verb.ReplaceAllStringFunc(format, func(v string) string {
		if v == "%%" {
			return "%"
		}
		if next == len(args) {
			return v
		}
		next++
		return say(v, args[next-1])
	})
}

// value says a value that is the same in every language.
func value(verb string, arg any) string {
	if said, ok := arg.(rendered); ok {
		return string(said)
	}
	return fmt.Sprintf(strings.Replace(verb, "w", "v", 1), arg)
}

// A rendered is an argument that was put into words by another process.
type rendered string
