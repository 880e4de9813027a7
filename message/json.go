package message

import (
	"encoding/json"
	"strings"
)

// The form of a text between processes, and on the disk: the format, and the
// arguments in words, of which those that can be said in several languages are
// texts again. It is one line: where it goes, a line may stand for something.
type wireText struct {
	Format Format            `json:"format"`
	Plural Format            `json:"plural,omitempty"`
	Number int               `json:"number,omitempty"`
	Args   []json.RawMessage `json:"args,omitempty"`
}

// MarshalJSON writes the text for another process of the program.
func (t Text) MarshalJSON() ([]byte, error) {
	wire := wireText{Format: Format(oneLine(string(t.Format))), Plural: Format(oneLine(string(t.Plural))), Number: t.Number}
	var args []any
	put(string(t.Format), t.Args, func(verb string, arg any) string {
		args = append(args, portable(verb, arg))
		return ""
	})
	for _, arg := range args {
		data, err := json.Marshal(arg)
		if err != nil {
			return nil, err
		}
		wire.Args = append(wire.Args, data)
	}
	return json.Marshal(wire)
}

// portable returns an argument as a text or in words.
func portable(verb string, arg any) any {
	if text, ok := asText(arg); ok {
		return text
	}
	return oneLine(value(verb, arg))
}

func oneLine(text string) string { return strings.NewReplacer("\n", " ", "\t", " ").Replace(text) }

// UnmarshalJSON reads what MarshalJSON has written, or a string, as versions before
// 2.0.0 wrote it: their services run on after an upgrade.
func (t *Text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var plain string
		err := json.Unmarshal(data, &plain)
		*t = Plain(plain)
		return err
	}
	var wire wireText
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	*t = Text{Format: wire.Format, Plural: wire.Plural, Number: wire.Number}
	for _, data := range wire.Args {
		if len(data) > 0 && data[0] == '{' {
			var nested Text
			if err := json.Unmarshal(data, &nested); err != nil {
				return err
			}
			t.Args = append(t.Args, nested)
			continue
		}
		var word string
		if err := json.Unmarshal(data, &word); err != nil {
			return err
		}
		t.Args = append(t.Args, rendered(word))
	}
	return nil
}
