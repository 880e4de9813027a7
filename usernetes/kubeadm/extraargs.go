package kubeadm

import (
	"fmt"
	"slices"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// An Arg is one extra argument of a component.
type Arg struct{ Name, Value string }

// ExtraArgs reads the extraArgs of a component in the form of either version of
// kubeadm's configuration: a mapping, or a list of named values.
func ExtraArgs(part document.Document) (args []Arg) {
	switch list := part["extraArgs"].(type) {
	case document.Document:
		for name, value := range list {
			args = append(args, Arg{name, fmt.Sprint(value)})
		}
	case []any:
		for _, item := range list {
			entry, _ := item.(document.Document)
			name, _ := entry["name"].(string)
			args = append(args, Arg{name, fmt.Sprint(entry["value"])})
		}
	}
	return args
}

// ReplaceExtraArgs takes the extra arguments of a component away whose names are
// dropped, and adds others, in the form that a version of the configuration has.
func ReplaceExtraArgs(part document.Document, form deps.ArgsForm, drop func(name string) bool, args ...Arg) {
	kept := slices.DeleteFunc(ExtraArgs(part), func(a Arg) bool { return drop(a.Name) })
	all := append(kept, args...)
	switch {
	case len(all) == 0:
		delete(part, "extraArgs")
	case form == deps.ArgsMap:
		named := document.Document{}
		for _, a := range all {
			named[a.Name] = a.Value
		}
		part["extraArgs"] = named
	default:
		list := make([]any, len(all))
		for i, a := range all {
			list[i] = document.Document{"name": a.Name, "value": a.Value}
		}
		part["extraArgs"] = list
	}
}

// FormOf returns the form of a document of kubeadm's configuration.
// Source: kubeadm's reference pages of v1beta3 and v1beta4.
func FormOf(doc document.Document) deps.ArgsForm {
	for _, m := range deps.Minors() {
		if doc["apiVersion"] == m.KubeadmAPI {
			return m.ArgsForm
		}
	}
	return deps.ArgsList
}
