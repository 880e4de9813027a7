package upgrade

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Deprecated is an API that somebody has asked for, and that a later minor has not
// any more.
type Deprecated struct {
	Group    string `json:"group"` // "" is the core
	Version  string `json:"version"`
	Resource string `json:"resource"`
	Removed  string `json:"removedIn"` // the first minor without it, such as 1.38
}

// String is as kubectl names it.
func (d Deprecated) String() string {
	if d.Group == "" {
		return d.Resource + "." + d.Version
	}
	return d.Resource + "." + d.Version + "." + d.Group
}

var (
	metricForm  = regexp.MustCompile(`^apiserver_requested_deprecated_apis\{(.*)\} [0-9.e+]+$`)
	labelForm   = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
	wordForm    = regexp.MustCompile(`^[A-Za-z0-9./-]{0,100}$`)
	releaseForm = regexp.MustCompile(`^[0-9]{1,4}\.[0-9]{1,4}$`)
)

func (d Deprecated) check() error {
	for _, word := range []string{d.Group, d.Version, d.Resource} {
		if !wordForm.MatchString(word) {
			return message.Errorf("the node reports an invalid API: %q", word)
		}
	}
	if !releaseForm.MatchString(d.Removed) {
		return message.Errorf("the node reports an invalid API: %q", d.Removed)
	}
	return nil
}

// DeprecatedIn finds in an apiserver's metrics what was asked for. What is going to be
// removed nobody knows when is left out.
// Source: the Kubernetes documentation, "Deprecated API Migration Guide".
func DeprecatedIn(metrics string) (all []Deprecated) {
	for line := range strings.Lines(metrics) {
		found := metricForm.FindStringSubmatch(strings.TrimSpace(line))
		if found == nil {
			continue
		}
		labels := map[string]string{}
		for _, label := range labelForm.FindAllStringSubmatch(found[1], -1) {
			labels[label[1]] = label[2]
		}
		d := Deprecated{labels["group"], labels["version"], labels["resource"], labels["removed_release"]}
		if d.check() == nil && !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}

// GoneBy lists those that a version has not any more.
func GoneBy(all []Deprecated, v Version) (gone []Deprecated) {
	for _, d := range all {
		var major, minor int
		if _, err := fmt.Sscanf(d.Removed, "%d.%d", &major, &minor); err == nil && (Version{Major: major, Minor: minor}).Compare(v) <= 0 {
			gone = append(gone, d)
		}
	}
	return gone
}
