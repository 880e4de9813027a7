package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wants lists, for each user unit that starts others, which ones. What a unit is
// part of, or requires, stops it; the same starts it, by a link in a folder .wants.
// So no unit has to be named in another one's file.
// Source: systemd.unit(5), "PartOf=", "Requires=" and "Wants=".
func wants(source string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(source, "units/user/*"))
	if err != nil {
		return nil, fmt.Errorf("listing the user units: %w", err)
	}
	all := map[string][]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a user unit: %w", err)
		}
		for _, starter := range stoppedWith(string(text)) {
			all[starter] = append(all[starter], filepath.Base(file))
		}
	}
	return all, nil
}

// stoppedWith lists the units with which a unit stops, by its text.
func stoppedWith(text string) (all []string) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, "=")
		if slices.Contains([]string{"PartOf", "Requires"}, key) {
			all = append(all, strings.Fields(value)...)
		}
	}
	return all
}
