package usernetes

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checkEndpoint tells whether a text is an address or name with a port.
func checkEndpoint(text string) error {
	name, port, err := net.SplitHostPort(text)
	if err != nil {
		return err
	}
	if _, err := parsePort(port); err != nil {
		return err
	}
	return checkHost(name)
}

var machineName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// parsePort reads the number of a port.
func parsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%q is no port", text)
	}
	return int(port), nil
}

// checkHost tells whether a text is an address or the name of a machine.
func checkHost(text string) error {
	if _, err := netip.ParseAddr(text); err == nil || isName(strings.ToLower(text)) {
		return nil
	}
	return fmt.Errorf("%q is neither an address nor the name of a machine", text)
}

// maxLabel and maxName bound the parts of a machine's name and the whole of it.
// Source: RFC 1035, section 2.3.4.
const (
	maxLabel = 63
	maxName  = 253
)

// isName reports whether a text, in small letters, is the name of a machine or
// a domain. Source: RFC 1123, section 2.1.
func isName(text string) bool {
	tooLong := func(label string) bool { return len(label) > maxLabel }
	return machineName.MatchString(text) && len(text) <= maxName && !slices.ContainsFunc(strings.Split(text, "."), tooLong)
}
