package document

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Document is a YAML document of somebody else's form: a Kubernetes object
// or a kubeadm configuration.
type Document = map[string]any

// Parse reads a file of YAML documents; empty ones are left out.
func Parse(data []byte) ([]Document, error) {
	var all []Document
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc Document
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, message.Errorf("reading YAML: %w", err)
		}
		if len(doc) > 0 {
			all = append(all, doc)
		}
	}
}

// Format writes documents as a YAML stream.
func Format(all []Document) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for _, doc := range all {
		if err := encoder.Encode(doc); err != nil {
			return nil, message.Errorf("writing YAML: %w", err)
		}
	}
	return out.Bytes(), encoder.Close()
}

// Merge lays over onto base and returns base: mappings are merged, lists of
// names are united, lists of named values are merged by name, and anything
// else is replaced.
func Merge(base, over Document) Document {
	for key, value := range over {
		base[key] = MergeValue(base[key], value)
	}
	return base
}

// MergeValue lays a value over another one, as Merge does with mappings.
func MergeValue(base, over any) any {
	switch over := over.(type) {
	case Document:
		if base, ok := base.(Document); ok {
			return Merge(base, over)
		}
	case []any:
		if base, ok := base.([]any); ok {
			return mergeList(base, over)
		}
	}
	return over
}

// Change lays over onto base and returns base, as a change of what is there: mappings
// are changed, lists of named values by name, and anything else is replaced. A null
// takes a field away, and a named value whose value is null.
func Change(base, over Document) Document {
	for key, value := range over {
		if value == nil {
			delete(base, key)
			continue
		}
		base[key] = changeValue(base[key], value)
	}
	return base
}

func changeValue(base, over any) any {
	switch over := over.(type) {
	case Document:
		nested, _ := base.(Document)
		if nested == nil {
			nested = Document{}
		}
		return Change(nested, over)
	case []any:
		if len(over) == 0 || slices.ContainsFunc(over, func(item any) bool { return ItemName(item) == "" }) {
			return over
		}
		have, _ := base.([]any)
		return slices.DeleteFunc(mergeList(have, over), takenAway)
	}
	return over
}

// takenAway reports whether a named value of a list has null for its value.
func takenAway(item any) bool {
	named, _ := item.(Document)
	value, has := named["value"]
	return has && value == nil
}

// Clone returns a copy of a document that shares nothing with it.
func Clone(doc Document) (Document, error) {
	data, err := yaml.Marshal(doc)
	if err != nil {
		return nil, message.Errorf("writing YAML: %w", err)
	}
	var copied Document
	if err := yaml.Unmarshal(data, &copied); err != nil {
		return nil, message.Errorf("reading YAML: %w", err)
	}
	return copied, nil
}

func mergeList(base, over []any) []any {
	merged := slices.Clone(base)
	for _, item := range over {
		if at := slices.IndexFunc(merged, func(have any) bool { return sameItem(have, item) }); at >= 0 {
			merged[at] = item
		} else {
			merged = append(merged, item)
		}
	}
	return merged
}

// sameItem reports whether two items of a list are one: equal texts, or named
// values of one name.
func sameItem(a, b any) bool {
	textA, okA := a.(string)
	textB, okB := b.(string)
	if okA && okB {
		return textA == textB
	}
	return ItemName(a) != "" && ItemName(a) == ItemName(b)
}

// ItemName returns the name of a list's item, "" when it has none.
func ItemName(item any) string {
	named, _ := item.(Document)
	name, _ := named["name"].(string)
	return name
}

// Lookup follows keys into nested mappings; nil when one is missing.
func Lookup(doc Document, keys ...string) any {
	var value any = doc
	for _, key := range keys {
		nested, ok := value.(Document)
		if !ok {
			return nil
		}
		value = nested[key]
	}
	return value
}

// Put sets a value in nested mappings, which it makes where they are missing.
func Put(doc Document, value any, keys ...string) {
	for _, key := range keys[:len(keys)-1] {
		nested, ok := doc[key].(Document)
		if !ok {
			nested = Document{}
			doc[key] = nested
		}
		doc = nested
	}
	doc[keys[len(keys)-1]] = value
}

// Remove takes a value out of nested mappings, if it is there.
func Remove(doc Document, keys ...string) {
	last := len(keys) - 1
	if last > 0 {
		doc, _ = Lookup(doc, keys[:last]...).(Document)
	}
	delete(doc, keys[last])
}
