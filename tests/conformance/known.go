package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Why a test can't pass, in cannot.yaml, and how the table says it.
const (
	byMachine = "machine" // the test machine has no cgroup controllers to give
	byNature  = "nature"  // no cluster without root can, as the documentation says
	byImage   = "image"   // an image can't be had, nor made
)

// A limit is tests that can't pass, and why.
type limit struct {
	Test        string   // a regular expression of names
	Generations []string // where it holds; none is everywhere
	Networks    []string
	Cause       string
	Why         string // with the documentation's sentence

	names *regexp.Regexp
}

// readLimits reads the list of what can't pass, and refuses one without a reason.
func readLimits(text []byte) ([]limit, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var all []limit
	if err := decoder.Decode(&all); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading cannot.yaml: %w", err)
	}
	for i := range all {
		l := &all[i]
		if !slices.Contains([]string{byMachine, byNature, byImage}, l.Cause) {
			return nil, fmt.Errorf("cannot.yaml: the cause of %q is %q: it is one of %s, %s and %s", l.Test, l.Cause, byMachine, byNature, byImage)
		}
		if l.Test == "" || l.Why == "" {
			return nil, fmt.Errorf("cannot.yaml: %q lacks a name or a reason", l.Test)
		}
		var err error
		if l.names, err = regexp.Compile(l.Test); err != nil {
			return nil, fmt.Errorf("cannot.yaml: %w", err)
		}
	}
	return all, nil
}

// limitOf finds why a test can't pass in a cluster, or nil.
func limitOf(all []limit, test, generation, network string) *limit {
	holds := func(where []string, here string) bool { return len(where) == 0 || slices.Contains(where, here) }
	for i, l := range all {
		if l.names.MatchString(test) && holds(l.Generations, generation) && holds(l.Networks, network) {
			return &all[i]
		}
	}
	return nil
}
