package main

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// phaseTitle names a phase for people.
func phaseTitle(phase string) string {
	return map[string]string{
		"namespaces":    "Starting the namespaces (RootlessKit)",
		"runtime":       "Starting the container runtime (CRI-O)",
		"images":        "Loading images",
		"control-plane": "Making the control plane (kubeadm init)",
		"network":       "Starting the pod network (flannel, kube-proxy)",
		"ready":         "Waiting for the node and CoreDNS",

		"join":           "Joining the cluster (kubeadm join)",
		"worker-network": "Starting the pod network (flannel, kube-proxy)",
		"worker-ready":   "Waiting for the node",
	}[phase]
}

// A catalogue has the words of one language for the English ones.
type catalogue struct{ pairs map[string]string }

// catalogueFor picks a language. Source: gettext's manual, "Locale
// Environment Variables".
func catalogueFor(getenv func(string) string) catalogue {
	for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(key); value != "" {
			if strings.HasPrefix(value, "ru") {
				return catalogue{russian()}
			}
			return catalogue{}
		}
	}
	return catalogue{}
}

// verbs matches what fmt puts values in place of.
var verbs = regexp.MustCompile(`%[.0-9]*[a-z]`)

// format returns the format for an English one.
func (c catalogue) format(english string) string {
	if other, ok := c.pairs[english]; ok {
		return other
	}
	return english
}

// text translates what was made of a format already: it finds the format
// that the text fits, and puts the same values into the other one.
func (c catalogue) text(english string) string {
	if other, ok := c.pairs[english]; ok {
		return other
	}
	for _, format := range c.longestFirst() {
		other := c.pairs[format]
		parts := verbs.Split(format, -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		values := regexp.MustCompile("(?s)^" + strings.Join(parts, "(.*)") + "$").FindStringSubmatch(english)
		if len(parts) == 1 || values == nil {
			continue
		}
		next := 0
		return verbs.ReplaceAllStringFunc(other, func(string) string {
			next++
			return values[next]
		})
	}
	return english
}

// longestFirst returns the formats so that one that says more comes before one
// that fits more.
func (c catalogue) longestFirst() []string {
	return slices.SortedFunc(maps.Keys(c.pairs), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
}
