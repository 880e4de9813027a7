package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A verdict is what is said of all tests that were wanted.
type verdict struct {
	areas    map[string]*area
	failures []string // a line each
	limits   []string // the same of those that can't pass
	outdated []string // names of those that the list says can't, and that passed
}

// An area is what one of Kubernetes' groups of people looks after.
type area struct{ passed, failed, cannot int }

// judge compares how tests ended with what the list says of them. One that has no
// result has failed.
func judge(names []string, results map[string]result, limitOf func(string) *limit) verdict {
	v := verdict{areas: map[string]*area{}}
	for _, name := range names {
		a := v.area(name)
		r, ran := results[name]
		if !ran {
			r.failure = "it did not run"
		}
		known := limitOf(name)
		switch {
		case r.passed():
			a.passed++
			if known != nil {
				v.outdated = append(v.outdated, name)
			}
		case known != nil:
			a.cannot++
			v.limits = append(v.limits, name+": "+known.Cause+": "+known.Why)
		default:
			a.failed++
			v.failures = append(v.failures, name+": "+r.why())
		}
	}
	return v
}

// area finds what the name of a test is counted with: the first word, [sig-…].
func (v verdict) area(name string) *area {
	key, _, _ := strings.Cut(strings.TrimPrefix(name, "["), "]")
	if v.areas[key] == nil {
		v.areas[key] = &area{}
	}
	return v.areas[key]
}

// failed counts the tests that failed without a reason.
func (v verdict) failed() int { return len(v.failures) }

// String is the table, as Markdown, and under it each test that did not pass.
func (v verdict) String() string {
	var text strings.Builder
	text.WriteString("| area | passed | failed | can't hold |\n|---|---:|---:|---:|\n")
	var all area
	for _, name := range slices.Sorted(maps.Keys(v.areas)) {
		a := v.areas[name]
		all = area{all.passed + a.passed, all.failed + a.failed, all.cannot + a.cannot}
		fmt.Fprintf(&text, "| %s | %d | %d | %d |\n", name, a.passed, a.failed, a.cannot)
	}
	fmt.Fprintf(&text, "| all | %d | %d | %d |\n", all.passed, all.failed, all.cannot)
	for _, list := range []struct {
		title string
		lines []string
	}{
		{"Failed", v.failures}, {"Can't hold", v.limits}, {"Passed, though cannot.yaml says that they can't: take them out of it", v.outdated},
	} {
		if len(list.lines) > 0 {
			fmt.Fprintf(&text, "\n%s:\n\n- %s\n", list.title, strings.Join(list.lines, "\n- "))
		}
	}
	return text.String()
}
