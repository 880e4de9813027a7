package namespace

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/hostfs"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// stackNameserver reads which nameserver the stack in user space has. It is
// for the start of the namespaces, where RootlessKit has just written it.
// Source: rootlesskit's pkg/child/child.go, setupNet.
func stackNameserver() (netip.Addr, error) {
	data, err := host.ReadFile("/etc/resolv.conf")
	if err != nil {
		return netip.Addr{}, message.Errorf("finding the name server of the namespaces: %w", err)
	}
	nameserver, err := netip.ParseAddr(firstNameserver(data))
	if err != nil {
		return netip.Addr{}, message.Errorf("finding the name server of the namespaces: %w", err)
	}
	return nameserver, nil
}

// resolvConf makes the node's resolv.conf: the nameserver is the stack's, which
// asks the host's; search list and options are the host's.
// Source: resolv.conf(5): of search and domain the last counts, options add up.
func resolvConf(hosts []byte, nameserver netip.Addr) []byte {
	var search, options []string
	for line := range strings.Lines(string(hosts)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "search":
			search = fields[1:]
		case "domain":
			search = fields[1:2]
		case "options":
			options = append(options, fields[1:]...)
		}
	}
	// systemd-resolved writes the root for an empty list.
	search = slices.DeleteFunc(slices.Clone(search), func(s string) bool { return s == "." })
	var made bytes.Buffer
	fmt.Fprintf(&made, "nameserver %s\n", nameserver)
	if len(search) > 0 {
		fmt.Fprintf(&made, "search %s\n", strings.Join(search, " "))
	}
	if len(options) > 0 {
		fmt.Fprintf(&made, "options %s\n", strings.Join(options, " "))
	}
	return made.Bytes()
}

// sameNameservers returns a check for a mode that goes on asking the nameserver
// which the host had first when it started. The first look sets that.
func sameNameservers(mode node.Mode) func(hosts []byte) *hostfs.Problem {
	var first *string
	return func(hosts []byte) *hostfs.Problem {
		now := firstNameserver(hosts)
		if first == nil {
			first = &now
		}
		if !mode.OldNameserver || now == *first {
			return nil
		}
		return &hostfs.Problem{
			Path:   "/etc/resolv.conf",
			Fault:  message.Of("the host has another name server, but %s still uses the old one", mode.Name),
			Remedy: message.Of("restart the node: " + host.RestartNode),
		}
	}
}

// firstNameserver returns the address that a resolv.conf names first, or "".
func firstNameserver(conf []byte) string {
	for line := range strings.Lines(string(conf)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			return fields[1]
		}
	}
	return ""
}

// hostsFile makes the node's hosts: the host's, and the machine's name where
// that has none for it. Source: hosts(5).
func hostsFile(hosts []byte, name string, ip netip.Addr) []byte {
	for line := range strings.Lines(string(hosts)) {
		entry, _, _ := strings.Cut(line, "#")
		if fields := strings.Fields(entry); len(fields) > 1 && slices.Contains(fields[1:], name) {
			return hosts
		}
	}
	made := slices.Clone(hosts)
	if len(made) > 0 && made[len(made)-1] != '\n' {
		made = append(made, '\n')
	}
	if len(hosts) == 0 {
		made = append(made, "127.0.0.1 localhost\n::1 localhost\n"...)
	}
	return fmt.Appendf(made, "%s %s\n", ip, name)
}
