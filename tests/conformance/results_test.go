package main

import (
	"strings"
	"testing"
)

// report is as ginkgo writes it: 1.26 says what failed in an attribute, 1.34 in the
// text.
const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="6" disabled="1" errors="1" failures="2" time="9.5">
 <testsuite name="Kubernetes e2e suite" tests="6">
  <testcase name="[SynchronizedBeforeSuite]" classname="Kubernetes e2e suite" status="passed" time="1"></testcase>
  <testcase name="[It] [sig-a] passes [Conformance]" status="passed" time="2.5"></testcase>
  <testcase name="[It] [sig-a] fails [Conformance]" status="failed" time="3"><failure message="no answer&#xA;from 10.0.0.1" type="failed">trace</failure></testcase>
  <testcase name="[It] [sig-b] times out [Conformance]" status="timedout" time="3"><failure type="timedout">
[TIMEDOUT] waited
in dns.go</failure><system-err>log</system-err></testcase>
  <testcase name="[It] [sig-b] panics [Conformance]" status="panicked"><error message="nil map" type="panicked"></error></testcase>
  <testcase name="[It] [sig-b] is for others [Conformance]" status="skipped"><skipped message="skipped - needs two zones"></skipped></testcase>
 </testsuite>
</testsuites>`

// TestReadJUnit: each end that a test can have.
func TestReadJUnit(t *testing.T) {
	results, faults, err := readJUnit([]byte(report))
	if err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
	for name, want := range map[string]string{
		"[sig-a] fails [Conformance]":         "no answer",
		"[sig-b] times out [Conformance]":     "[TIMEDOUT] waited",
		"[sig-b] panics [Conformance]":        "nil map",
		"[sig-b] is for others [Conformance]": "skipped: skipped - needs two zones",
	} {
		if r, ok := results[name]; !ok || r.passed() || r.why() != want {
			t.Errorf("%s: %+v, %q", name, r, r.why())
		}
	}
	if r := results["[sig-a] passes [Conformance]"]; !r.passed() || r.seconds != 2.5 || len(results) != 5 {
		t.Errorf("%+v of %d", r, len(results))
	}
	if _, _, err := readJUnit([]byte("<testsuites><testsuite>")); err == nil {
		t.Error("a report that was cut was taken")
	}
}

// TestPreparationFails: what no test could begin with is no test's failure.
func TestPreparationFails(t *testing.T) {
	text := `<testsuites><testsuite><testcase name="[SynchronizedBeforeSuite]"><failure message="nodes are not ready"></failure></testcase></testsuite></testsuites>`
	_, faults, err := readJUnit([]byte(text))
	if err != nil || len(faults) != 1 || !strings.Contains(faults[0], "not ready") {
		t.Errorf("%q, %v", faults, err)
	}
}
