package document

import (
	"reflect"
	"testing"
)

// TestChange: fields are laid over, replaced and taken away.
func TestChange(t *testing.T) {
	for _, c := range []struct{ name, base, over, want string }{
		{"a field", "a: {b: 1, c: 2}", "a: {b: 3}", "a: {b: 3, c: 2}"},
		{"a new field", "a: 1", "b: {c: {d: 1}}", "{a: 1, b: {c: {d: 1}}}"},
		{"null", "a: {b: 1, c: 2}", "a: {b: null}", "a: {c: 2}"},
		{"null of what is new", "a: 1", "b: {c: null}", "{a: 1, b: {}}"},
		{"a list of texts", "a: [x, y]", "a: [z]", "a: [z]"},
		{"an empty list", "a: [x]", "a: []", "a: []"},
		{"named values", "a: [{name: x, value: 1}, {name: y, value: 2}]", "a: [{name: y, value: 3}, {name: z, value: 4}]", "a: [{name: x, value: 1}, {name: y, value: 3}, {name: z, value: 4}]"},
		{"a named value with null", "a: [{name: x, value: 1}, {name: y, value: 2}]", "a: [{name: x, value: null}]", "a: [{name: y, value: 2}]"},
	} {
		parsed := func(text string) Document {
			docs, err := Parse([]byte(text))
			if err != nil || len(docs) != 1 {
				t.Fatal(err)
			}
			return docs[0]
		}
		base := parsed(c.base)
		copied, err := Clone(base)
		if err != nil {
			t.Fatal(err)
		}
		if got := Change(copied, parsed(c.over)); !reflect.DeepEqual(got, parsed(c.want)) {
			t.Errorf("%s: %v", c.name, got)
		}
		if !reflect.DeepEqual(base, parsed(c.base)) {
			t.Errorf("%s: the original is changed", c.name)
		}
	}
}
