package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// A Changelog is what CHANGELOG.md says, the newest release first.
type Changelog struct{ Releases []Release }

// A Release is one heading of the changelog and what is under it.
type Release struct {
	Version string
	Date    time.Time
	Notes   []string // one a list item, on one line, after its kind
}

var releaseHeading = regexp.MustCompile(`^## ([0-9][^ ]*) - (\d{4}-\d{2}-\d{2})$`)

func readChangelog(path string) (Changelog, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Changelog{}, fmt.Errorf("reading the changelog: %w", err)
	}
	log, err := parseChangelog(string(data))
	if err != nil {
		return log, fmt.Errorf("reading the changelog %q: %w", path, err)
	}
	return log, nil
}

// parseChangelog reads headings "## VERSION - YYYY-MM-DD" and "### KIND", and
// list items below them. An item goes on in the indented lines after it.
func parseChangelog(text string) (Changelog, error) {
	var log Changelog
	kind := ""
	var last *Release
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n ")
		if m := releaseHeading.FindStringSubmatch(line); m != nil {
			date, err := time.Parse(time.DateOnly, m[2])
			if err != nil {
				return log, err
			}
			log.Releases = append(log.Releases, Release{Version: m[1], Date: date})
			last, kind = &log.Releases[len(log.Releases)-1], ""
		} else if strings.HasPrefix(line, "## ") {
			last = nil // not released
		} else if name, ok := strings.CutPrefix(line, "### "); ok {
			kind = name + ": "
		} else if item, ok := strings.CutPrefix(line, "- "); ok && last != nil {
			last.Notes = append(last.Notes, kind+item)
		} else if more, ok := strings.CutPrefix(line, "  "); ok && last != nil && len(last.Notes) > 0 {
			last.Notes[len(last.Notes)-1] += " " + strings.TrimSpace(more)
		}
	}
	if len(log.Releases) == 0 {
		return log, fmt.Errorf("it has no heading such as \"## 0.1.0 - 2026-11-24\"")
	}
	return log, nil
}

// title is the line of a release in ALT's form, "Name <address> VERSION-RELEASE".
// Source: ALT's sisyphus_check, 000-check-changelog.
func (r Release) title(packager, release string) string {
	return fmt.Sprintf("%s %s-%s", packager, r.Version, release)
}

// noon is the time that rpm gives to a day of the changelog.
// Source: rpm's build/parseChangelog.c.
func (r Release) noon() time.Time { return r.Date.Add(12 * time.Hour) }

func (r Release) text() string { return "- " + strings.Join(r.Notes, "\n- ") }

// release is what a release of this changelog was built as; the newest is the
// one at hand.
func (c Changelog) release(i int, newest string) string {
	if i == 0 {
		return newest
	}
	return firstRelease
}

const firstRelease = "alt1"
