package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// played is a catalogue of a few formats.
type played map[string]string

func (p played) GetN(one, many string, number int, _ ...any) string {
	if number == 1 {
		return p.Get(one)
	}
	return p.Get(many)
}

func (p played) Get(english string, _ ...any) string {
	if other, ok := p[english]; ok {
		return other
	}
	return english
}

var other = Language{played{
	"reading %q: %w":         "чтение %q: %w",
	"making %s":              "создание %s",
	"the node":               "узел",
	"permission denied":      "отказано",
	"100%% of %d are in use": "занято 100%% из %d",
	"%d node":                "%d узел",
	"%d nodes":               "%d узла",
}}

// TestText: each link of a chain is said in the language, with its own arguments,
// which are changed by nothing; so it is after a way through JSON.
func TestText(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "/x y", Err: syscall.EACCES}
	for _, c := range []struct {
		text           Text
		english, other string
	}{
		{Text{}, "", ""},
		{Of("making %s", "making %s"), "making making %s", "создание making %s"},
		{Of("making %s", Format("the node")), "making the node", "создание узел"},
		{Of("making %s", Of("the node")), "making the node", "создание узел"},
		{OfError(Errorf("reading %q: %w", "the node", denied)), `reading "the node": open /x y: permission denied`, `чтение "the node": open /x y: отказано`},
		{OfError(errors.Join(New("the node"), errors.New("else"))), "the node\nelse", "узел\nelse"},
		{OfError(fmt.Errorf("theirs: %w", New("the node"))), "theirs: the node", "theirs: the node"},
		{Of("100%% of %d are in use", 7), "100% of 7 are in use", "занято 100% из 7"},
		{Count(1, "%d node", "%d nodes", 1), "1 node", "1 узел"},
		{Count(2, "%d node", "%d nodes", 2), "2 nodes", "2 узла"},
		{Count(0, "%d node", "%d nodes", 0), "0 nodes", "0 узла"},
		{OfError(Errorf("making %s", Count(2, "%d node", "%d nodes", 2))), "making 2 nodes", "создание 2 узла"},
		{OfError(Count(1, "%d node", "%d nodes", 1).AsError()), "1 node", "1 узел"},
		{Plain("100% %s"), "100% %s", "100% %s"},
	} {
		if got := c.text.String(); got != c.english {
			t.Errorf("got %q, want %q", got, c.english)
		}
		if got := other.Text(c.text); got != c.other {
			t.Errorf("got %q, want %q", got, c.other)
		}
		data, err := json.Marshal(c.text)
		if err != nil {
			t.Fatal(err)
		}
		var back Text
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		line := strings.NewReplacer("\n", " ")
		if got := other.Text(back); got != line.Replace(c.other) || back.String() != line.Replace(c.english) {
			t.Errorf("%s: got %q and %q", data, got, back)
		}
	}
}

// TestPlainJSON: a string is a text that is the same in every language.
func TestPlainJSON(t *testing.T) {
	var got struct{ Fault, Note Text }
	if err := json.Unmarshal([]byte(`{"Fault":"the node 100%","Note":""}`), &got); err != nil {
		t.Fatal(err)
	}
	if said := other.Text(got.Fault); said != "the node 100%" || !got.Note.Empty() {
		t.Errorf("got %q and %q", said, got.Note)
	}
}

// TestError: errors.Is and errors.As find what is below.
func TestError(t *testing.T) {
	err := Errorf("reading %q: %w", "x", &fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT})
	var path *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) {
		t.Errorf("%v is not found", err)
	}
	if all := Joined(errors.Join(err, New("b"))); len(all) != 2 {
		t.Errorf("joined: %v", all)
	}
	if all := Joined(Errorf("%w and %w", err, err)); len(all) != 1 {
		t.Errorf("one with two causes: %v", all)
	}
}
