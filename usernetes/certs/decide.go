package certs

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A State is how far a certificate is from its end.
type State string

// States.
const (
	Good       State = "good"
	Ending     State = "ending"
	Expired    State = "expired"
	Unreadable State = "unreadable"
)

// WarnBefore is how long before its end a certificate is warned of.
const WarnBefore = 30 * day

const day = 24 * time.Hour

// StateAt decides how a certificate is at a moment. The kubelet makes its own anew
// when 70 to 90 % of its life are over: only in the last tenth is something wrong.
// Source: client-go's util/certificate, nextRotationDeadline.
func (c Certificate) StateAt(now time.Time) State {
	before := WarnBefore
	if c.Keeper == KeptByKubelet {
		before = min(before, c.Ends.Sub(c.Begins)/10)
	}
	switch {
	case !c.Fault.Empty():
		return Unreadable
	case now.After(c.Ends): // its last second is good
		return Expired
	case c.Ends.Sub(now) <= before:
		return Ending
	}
	return Good
}

// Serves reports whether the certificate can be used at a moment.
func (c Certificate) Serves(now time.Time) bool {
	return slices.Contains([]State{Good, Ending}, c.StateAt(now))
}

// DaysLeft counts the whole days until the end, and is negative after it.
func (c Certificate) DaysLeft(now time.Time) int {
	left := c.Ends.Sub(now)
	if left < 0 {
		left -= day - 1 // an hour ago is one day too late
	}
	return int(left / day)
}

// Check reports whether what u7s-admin hands to root has its form.
func (c Certificate) Check() error {
	known := slices.ContainsFunc(sources(), func(s source) bool {
		return s.name == c.Name && s.path == c.Path && s.keeper == c.Keeper
	})
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if !known || strings.ContainsFunc(c.Subject+c.Authority, unprintable) {
		return message.Errorf("the node reports an invalid certificate %q", c.Name)
	}
	return nil
}
