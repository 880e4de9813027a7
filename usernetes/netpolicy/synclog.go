package netpolicy

import (
	"bytes"
	"io"
	"regexp"
	"strings"
)

// maxLine is how many bytes of a line are looked at.
const maxLine = 64 << 10

// A syncLog is what kube-router writes its log to. It passes on what is wrong, and tells
// of each comparison of rules with policies how it ended: kube-router goes on after one
// that failed, with the rules of before.
type syncLog struct {
	out   io.Writer
	ended func(fault string) // "" where all went well
	fault string             // of the comparison that goes on
	begun []byte             // of a line
}

// Write never fails: kube-router would end.
func (l *syncLog) Write(data []byte) (int, error) {
	l.begun = append(l.begun, data...)
	for {
		line, rest, whole := bytes.Cut(l.begun, []byte("\n"))
		if !whole && len(line) < maxLine {
			return len(data), nil
		}
		l.line(string(line))
		l.begun = append([]byte(nil), rest...)
	}
}

// Of kube-router's log: the words around a comparison, and what a line begins with that
// only tells, or that is a rule of those which it could not set.
// Source: kube-router's pkg/controllers/netpol/network_policy_controller.go,
// fullPolicySync; klog's documentation, "header".
const (
	syncBegins = "Starting sync of iptables"
	syncEnds   = "sync iptables took"
)

var (
	syncFails = regexp.MustCompile(`\] (?:Aborting sync\. )?(Failed to .*)`)
	noise     = regexp.MustCompile(`^(?:I\d{4} |-A |:|\*filter|COMMIT|# )`)
)

func (l *syncLog) line(text string) {
	switch {
	case strings.Contains(text, syncBegins):
		l.fault = ""
	case strings.Contains(text, syncEnds):
		l.ended(l.fault)
	case strings.HasPrefix(text, "E"):
		if found := syncFails.FindStringSubmatch(text); found != nil {
			l.fault = found[1]
		}
	}
	if !noise.MatchString(text) {
		_, _ = io.WriteString(l.out, text+"\n") // the journal
	}
}
