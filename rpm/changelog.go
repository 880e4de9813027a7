package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/goreleaser/chglog"
	"go.yaml.in/yaml/v3"
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

// write makes the file that nfpm reads its changelog from.
func (c Changelog) write(folder, packager string) (string, error) {
	var entries chglog.ChangeLogEntries
	for _, r := range c.Releases {
		entry := &chglog.ChangeLog{Semver: r.Version, Date: r.Date, Packager: packager}
		for _, note := range r.Notes {
			entry.Changes = append(entry.Changes, &chglog.ChangeLogChange{Note: note})
		}
		entries = append(entries, entry)
	}
	data, err := yaml.Marshal(entries)
	if err != nil {
		return "", fmt.Errorf("writing the package's changelog: %w", err)
	}
	path := filepath.Join(folder, "changelog.yaml")
	return path, os.WriteFile(path, data, 0o600)
}
