package usernetes

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// A Difference is one setting of this node that is another one in the configuration.
// Where one has none, its text is empty.
type Difference struct{ Part, Name, Node, Config string }

// manifestDifferences compares the manifest that a component has here with another
// one: its arguments, and all else as a whole.
func manifestDifferences(m staticpod.Manifest) ([]Difference, error) {
	own, err := staticpod.ReadManifest(m.Name)
	if err != nil || own.Digest == m.Digest {
		return nil, err
	}
	have, err := own.Command()
	if err != nil {
		return nil, err
	}
	want, err := m.Command()
	if err != nil {
		return nil, err
	}
	all := documentDifferences(m.Name, argumentsOf(have), argumentsOf(want))
	if len(all) == 0 {
		all = []Difference{{Part: m.Name, Name: "manifest", Node: own.Digest, Config: m.Digest}}
	}
	return all, nil
}

// argumentsOf is a command line as a document: the values by their names.
func argumentsOf(argv []string) document.Document {
	args := document.Document{}
	for _, word := range argv {
		name, value, _ := strings.Cut(word, "=")
		args[name] = value
	}
	return args
}

// documentDifferences compares two documents, field by field.
func documentDifferences(part string, own, config document.Document) (all []Difference) {
	have, want := map[string]string{}, map[string]string{}
	flatten(have, "", own)
	flatten(want, "", config)
	var names []string
	for name := range have {
		names = append(names, name)
	}
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if have[name] != want[name] {
			all = append(all, Difference{part, name, have[name], want[name]})
		}
	}
	return all
}

// flatten writes the values of a document by their paths. Lists are one value.
func flatten(to map[string]string, path string, value any) {
	if nested, ok := value.(document.Document); ok {
		for key, inner := range nested {
			flatten(to, strings.TrimPrefix(path+"."+key, "."), inner)
		}
		return
	}
	if text, ok := value.(string); ok {
		to[path] = text
		return
	}
	if value == nil || reflect.ValueOf(value).IsZero() && reflect.TypeOf(value).Kind() == reflect.Slice {
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		return
	}
	to[path] = string(text)
}
