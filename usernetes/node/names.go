package node

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// CheckEndpoint reports whether a text is an address or name with a port.
func CheckEndpoint(text string) error {
	name, port, err := net.SplitHostPort(text)
	if err != nil {
		return err
	}
	if _, err := ParsePort(port); err != nil {
		return err
	}
	return CheckHost(name)
}

var machineName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// ParsePort reads the number of a port.
func ParsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, message.Errorf("%q is not a port", text)
	}
	return int(port), nil
}

// CheckHost reports whether a text is an address or the name of a machine.
func CheckHost(text string) error {
	if _, err := netip.ParseAddr(text); err == nil || IsName(strings.ToLower(text)) {
		return nil
	}
	return message.Errorf("%q is neither an address nor the name of a machine", text)
}

// MaxLabel and MaxName bound the parts of a machine's name and the whole of it.
// Source: RFC 1035, section 2.3.4.
const (
	MaxLabel = 63
	MaxName  = 253
)

// CheckNames reports whether what u7s-admin hands to root as names of nodes can be that.
func CheckNames(names ...string) error {
	for _, name := range names {
		if !IsName(strings.ToLower(name)) {
			return message.Errorf("the node reports the invalid node name %q", name)
		}
	}
	return nil
}

// IsName reports whether a text, in small letters, is the name of a machine or
// a domain. Source: RFC 1123, section 2.1.
func IsName(text string) bool {
	tooLong := func(label string) bool { return len(label) > MaxLabel }
	return machineName.MatchString(text) && len(text) <= MaxName && !slices.ContainsFunc(strings.Split(text, "."), tooLong)
}
