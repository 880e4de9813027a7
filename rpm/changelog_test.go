package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseChangelog(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{
			"two releases",
			"# Changelog\n\nWhat is new.\n- not of a release\n\n## 0.2.0 - 2027-01-02\n\n### Fixed\n- one\n- two\n\n## 0.1.0 - 2026-11-24\n### Added\n- all\n",
			"0.2.0 2027-01-02 [Fixed: one|Fixed: two] 0.1.0 2026-11-24 [Added: all]",
		},
		{"item of two lines", "## 1.0 - 2026-11-24\n### Changed\n- one\n  goes on\n", "1.0 2026-11-24 [Changed: one goes on]"},
		{"kind does not reach the next release", "## 2 - 2026-11-25\n### Fixed\n- a\n## 1 - 2026-11-24\n- b\n", "2 2026-11-25 [Fixed: a] 1 2026-11-24 [b]"},
		{"carriage returns", "## 1.0 - 2026-11-24\r\n- a\r\n", "1.0 2026-11-24 [a]"},
		{"unreleased is passed over", "## Unreleased\n- a\n## 1.0 - 2026-11-24\n- b\n", "1.0 2026-11-24 [b]"},
		{"unreleased below a release", "## 1.0 - 2026-11-24\n- b\n## Yanked\n- a\n", "1.0 2026-11-24 [b]"},
		{"no release", "# Changelog\n", "error: it has no heading"},
		{"no such day", "## 1.0 - 2026-02-30\n", "error: parsing time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, err := parseChangelog(c.text)
			got := fmt.Sprintf("error: %v", err)
			if err == nil {
				got = described(log)
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func described(log Changelog) string {
	var all []string
	for _, r := range log.Releases {
		all = append(all, fmt.Sprintf("%s %s [%s]", r.Version, r.Date.Format("2006-01-02"), strings.Join(r.Notes, "|")))
	}
	return strings.Join(all, " ")
}
