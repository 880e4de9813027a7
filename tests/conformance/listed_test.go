package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var some = []string{
	"[sig-cli] Kubectl version should check is all data is printed  [Conformance]",
	"[sig-apps] Daemon set [Serial] should run (a) simple daemon [Conformance]",
	"[sig-apps] Deployment should run the lifecycle [Conformance]",
}

// TestReadListed: names come as Kubernetes writes them.
func TestReadListed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "listed.yaml")
	text := "- testname: Version\n  codename: '" + some[0] + "'\n  description: words\n- testname: Other\n  codename: '" + some[2] + "'\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readListed(file)
	if err != nil || !slices.Equal(got, []string{some[0], some[2]}) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestSelected: focus and sample both narrow.
func TestSelected(t *testing.T) {
	apps, kubectl := regexp.MustCompile(`^\[sig-apps\]`), regexp.MustCompile("Kubectl")
	for _, c := range []struct {
		focus  *regexp.Regexp
		sample []*regexp.Regexp
		want   []string
	}{
		{nil, nil, some},
		{apps, nil, some[1:]},
		{nil, []*regexp.Regexp{kubectl, regexp.MustCompile("lifecycle")}, []string{some[0], some[2]}},
		{apps, []*regexp.Regexp{kubectl}, nil},
	} {
		if got := selected(some, c.focus, c.sample); !slices.Equal(got, c.want) {
			t.Errorf("%v %v: %q, want %q", c.focus, c.sample, got, c.want)
		}
	}
}

// TestParts: what is serial runs alone, and a part's pattern is of its tests only, as
// the suite matches it: with its own name before.
func TestParts(t *testing.T) {
	all := parts(some)
	if len(all) != 2 || all[0].processes != processes || all[1].processes != 1 || !slices.Equal(all[1].names, some[1:2]) {
		t.Fatalf("%+v", all)
	}
	for i, p := range all {
		pattern := regexp.MustCompile(p.pattern())
		for _, name := range some {
			if got, want := pattern.MatchString("Kubernetes e2e suite "+name), slices.Contains(p.names, name); got != want {
				t.Errorf("part %d, %q: %v", i, name, got)
			}
		}
		if pattern.MatchString("Kubernetes e2e suite " + p.names[0] + " [LinuxOnly]") {
			t.Errorf("part %d matches a longer name", i)
		}
	}
	if all := parts(some[1:2]); len(all) != 1 {
		t.Errorf("a part without tests: %+v", all)
	}
}

// TestSampleIsOfPatterns: the sample of this checkout can be read, and is not all.
func TestSampleIsOfPatterns(t *testing.T) {
	patterns, err := readSample(sample)
	if err != nil || len(patterns) == 0 {
		t.Fatal(patterns, err)
	}
	if got := selected(some, nil, patterns); slices.Contains(got, some[1]) {
		t.Errorf("%q", got)
	}
	if p := idle(some, patterns[:0]); p != nil {
		t.Errorf("%v", p)
	}
	if p := idle(some, []*regexp.Regexp{regexp.MustCompile("Deployment"), regexp.MustCompile("nothing")}); p == nil || p.String() != "nothing" {
		t.Errorf("%v", p)
	}
	if _, err := readSample([]byte("- '('")); err == nil {
		t.Error("a broken pattern was taken")
	}
}

// TestOfPolicies: only tests of NetworkPolicies need them enforced.
func TestOfPolicies(t *testing.T) {
	for name, want := range map[string]bool{
		"[sig-network] Netpol NetworkPolicy between server and client should support a 'default-deny-ingress' policy": true,
		"[sig-network] Netpol API should support creating NetworkPolicy API operations":                               true,
		"[sig-network] DNS should provide DNS for the cluster [Conformance]":                                          false,
	} {
		if got := ofPolicies([]string{"[sig-node] Pods", name}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
