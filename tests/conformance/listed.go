package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/tests/programs"
)

// serial is in the name of a test that bears no other beside it.
const serial = "[Serial]"

// readListed returns the names of the conformance tests of a minor, from the list
// that is part of its sources.
func readListed(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the list of tests: %w", err)
	}
	var all []struct{ Codename string }
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("reading the list of tests: %w", err)
	}
	var names []string
	for _, test := range all {
		names = append(names, test.Codename)
	}
	return names, nil
}

// ofPolicies reports whether tests are among these that need NetworkPolicies enforced,
// which no conformance test does.
func ofPolicies(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, "[sig-network] Netpol") })
}

// all asks the suite for the names of all its tests, which it runs none of.
// Source: "Writing Specs" of ginkgo's documentation, --dry-run.
func (s suite) all(ctx context.Context) ([]string, error) {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return nil, fmt.Errorf("asking for the tests: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder of /tmp
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs, programs.E2E), "--ginkgo.dry-run", "--provider=skeleton", "--report-dir="+dir)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("asking for the tests: %w\n%s", err, out)
	}
	report, err := os.ReadFile(filepath.Join(dir, "junit_01.xml"))
	if err != nil {
		return nil, fmt.Errorf("asking for the tests: %w", err)
	}
	results, _, err := readJUnit(report)
	return slices.Sorted(maps.Keys(results)), err
}

// readSample returns the patterns of a sample's tests.
func readSample(text []byte) ([]*regexp.Regexp, error) {
	var all []string
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("reading the sample: %w", err)
	}
	var patterns []*regexp.Regexp
	for _, text := range all {
		pattern, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("a pattern of the sample: %w", err)
		}
		patterns = append(patterns, pattern)
	}
	return patterns, nil
}

// selected returns the names that all given patterns want: focus, and one of the
// sample's. nil wants everything.
func selected(names []string, focus *regexp.Regexp, sample []*regexp.Regexp) (all []string) {
	for _, name := range names {
		inSample := sample == nil || slices.ContainsFunc(sample, func(p *regexp.Regexp) bool { return p.MatchString(name) })
		if inSample && (focus == nil || focus.MatchString(name)) {
			all = append(all, name)
		}
	}
	return all
}

// idle returns a pattern that no name matches, or nil.
func idle(names []string, patterns []*regexp.Regexp) *regexp.Regexp {
	for _, p := range patterns {
		if !slices.ContainsFunc(names, p.MatchString) {
			return p
		}
	}
	return nil
}

// A part is tests that run together.
type part struct {
	title     string
	names     []string
	processes int
}

// processes is how many tests run side by side.
const processes = 4

// parts splits tests into those that run side by side and those that run one by one.
func parts(names []string) []part {
	all := []part{{title: "parallel", processes: processes}, {title: "serial", processes: 1}}
	for _, name := range names {
		which := &all[0]
		if strings.Contains(name, serial) {
			which = &all[1]
		}
		which.names = append(which.names, name)
	}
	return slices.DeleteFunc(all, func(p part) bool { return len(p.names) == 0 })
}

// pattern is a regular expression of exactly the part's tests. It has no beginning, for
// the suite's own name is before each test's.
func (p part) pattern() string {
	quoted := make([]string, len(p.names))
	for i, name := range p.names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	return "(" + strings.Join(quoted, "|") + ")$"
}
