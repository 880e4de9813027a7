package main

import (
	"strings"
	"testing"
)

// TestJudge: what passed, failed, can't hold, is out of date, and was lost.
func TestJudge(t *testing.T) {
	names := []string{"[sig-a] passes", "[sig-a] fails", "[sig-b] can't", "[sig-b] can again", "[sig-b] is lost", "[sig-b] is skipped"}
	results := map[string]result{
		"[sig-a] passes": {}, "[sig-a] fails": {failure: "no answer\nat all"}, "[sig-b] can't": {failure: "x"}, "[sig-b] can again": {},
		"[sig-b] is skipped": {skipped: "needs more"}, "[sig-c] nobody wanted": {failure: "y"},
	}
	known := func(name string) *limit {
		if strings.Contains(name, " can") {
			return &limit{Cause: byMachine, Why: "no controllers"}
		}
		return nil
	}
	v := judge(names, results, known)
	if v.failed() != 3 || len(v.outdated) != 1 || len(v.limits) != 1 {
		t.Errorf("%+v", v)
	}
	for _, line := range []string{
		"| sig-a | 1 | 1 | 0 |\n", "| sig-b | 1 | 2 | 1 |\n", "| all | 2 | 3 | 1 |\n",
		"- [sig-a] fails: no answer\n", "- [sig-b] is lost: it did not run\n", "- [sig-b] is skipped: skipped: needs more\n",
		"- [sig-b] can't: machine: no controllers\n", "take them out of it:\n\n- [sig-b] can again\n",
	} {
		if !strings.Contains(v.String(), line) {
			t.Errorf("lacks %q:\n%s", line, v)
		}
	}
	if text := judge(names[:1], results, known).String(); strings.Contains(text, "Failed") || strings.Contains(text, "sig-b") {
		t.Errorf("says what is not:\n%s", text)
	}
}
