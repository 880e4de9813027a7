package document

import (
	"reflect"
	"testing"
)

func mustParse(t *testing.T, text string) Document {
	t.Helper()
	docs, err := Parse([]byte(text))
	if err != nil || len(docs) != 1 {
		t.Fatalf("parsing %q: %d documents, %v", text, len(docs), err)
	}
	return docs[0]
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, base, over, want string }{
		{"new key", "a: 1", "b: 2", "{a: 1, b: 2}"},
		{"replaced value", "a: 1", "a: 2", "a: 2"},
		{"nested mapping", "a: {x: 1}", "a: {y: 2}", "a: {x: 1, y: 2}"},
		{"united names", "a: [x]", "a: [y, x]", "a: [x, y]"},
		{"named values", "a: [{name: n, value: 1}]", "a: [{name: n, value: 2}, {name: m, value: 3}]", "a: [{name: n, value: 2}, {name: m, value: 3}]"},
		{"list over text", "a: x", "a: [y]", "a: [y]"},
		{"mapping over list", "a: [x]", "a: {y: 1}", "a: {y: 1}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Merge(mustParse(t, c.base), mustParse(t, c.over))
			if want := mustParse(t, c.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestParseDocuments(t *testing.T) {
	docs, err := Parse([]byte("---\na: 1\n---\n# nothing\n---\nb: 2\n"))
	if err != nil || len(docs) != 2 {
		t.Errorf("got %v, %v", docs, err)
	}
	if _, err := Parse([]byte("a: [")); err == nil {
		t.Error("broken YAML was taken")
	}
}

func FuzzParseDocuments(f *testing.F) {
	f.Add([]byte("a: 1\n---\nb: [x, {name: y}]"), []byte("a: {c: 2}"))
	f.Fuzz(func(_ *testing.T, a, b []byte) {
		docsA, errA := Parse(a)
		docsB, errB := Parse(b)
		if errA != nil || errB != nil || len(docsA) == 0 || len(docsB) == 0 {
			return
		}
		Merge(docsA[0], docsB[0])
	})
}
