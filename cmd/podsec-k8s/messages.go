package main

import "strings"

// phaseTitle names a phase for people.
func phaseTitle(phase string) string {
	return map[string]string{
		"namespaces":    "Starting the namespaces (RootlessKit)",
		"runtime":       "Starting the container runtime (CRI-O)",
		"images":        "Loading images",
		"control-plane": "Making the control plane (kubeadm init)",
		"network":       "Starting the pod network (flannel, kube-proxy)",
		"ready":         "Waiting for the node and CoreDNS",
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

func (c catalogue) format(english string) string {
	if other, ok := c.pairs[english]; ok {
		return other
	}
	return english
}

func (c catalogue) text(english string) string { return c.format(english) }
