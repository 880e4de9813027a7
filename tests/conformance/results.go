package main

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// A result is how a test ended. Where both are empty it passed.
type result struct {
	failure string
	skipped string // why the suite did not run it
	seconds float64
}

// passed reports whether the test was run, and well.
func (r result) passed() bool { return r.failure == "" && r.skipped == "" }

// why says what was wrong, in a line.
func (r result) why() string {
	text := r.failure
	if text == "" {
		text = "skipped: " + r.skipped
	}
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return text
}

// isTest is before the name of what is a test and not the suite's own preparation.
const isTest = "[It] "

// failedPart is what JUnit has of something that went wrong.
type failedPart struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (f failedPart) String() string {
	for _, text := range []string{f.Message, f.Text} {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return "no reason was given"
}

// readJUnit returns the results of tests by name, and what went wrong in the suite's
// own preparation. Those that nobody wanted are skipped in it, too.
// Source: reporters.JUnitTestSuites of github.com/onsi/ginkgo/v2.
func readJUnit(text []byte) (results map[string]result, faults []string, err error) {
	var report struct {
		Suites []struct {
			Cases []struct {
				Name    string      `xml:"name,attr"`
				Seconds float64     `xml:"time,attr"`
				Failure *failedPart `xml:"failure"`
				Error   *failedPart `xml:"error"`
				Skipped *failedPart `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		return nil, nil, fmt.Errorf("reading the JUnit report: %w", err)
	}
	results = map[string]result{}
	for _, suite := range report.Suites {
		for _, c := range suite.Cases {
			r := result{seconds: c.Seconds}
			for _, failed := range []*failedPart{c.Failure, c.Error} {
				if failed != nil {
					r.failure = failed.String()
				}
			}
			if c.Skipped != nil {
				r.skipped = c.Skipped.String()
			}
			name, test := strings.CutPrefix(c.Name, isTest)
			if test {
				results[name] = r
			} else if r.failure != "" {
				faults = append(faults, c.Name+": "+r.why())
			}
		}
	}
	return results, faults, nil
}
