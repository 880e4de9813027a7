package veth

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// What may keep a port from being published. The words are those that the
// kernel has for the same faults of a program that listens.
var (
	errDenied  = message.New("permission denied")
	errInUse   = message.New("address already in use")
	errNoPort  = message.New("there is no such port")
	errTooMany = message.New("too many ports are published")
	errSource  = message.New("the list of its clients' networks is too long, or has a network that is not IPv4")
)

// maxSources bounds the networks that one port is for.
const maxSources = 256

// listening is the state of a TCP socket that listens, bound that of a UDP
// one. Source: Linux' include/net/tcp_states.h; proc(5).
const (
	listening = "0A"
	bound     = "07"
)

// mayPublish reports whether the node's user may have a port: one that it could
// open itself, and that no program of the machine has. taken has the keys of
// those.
func mayPublish(p Port, taken map[string]bool) error {
	if err := p.check(); err != nil {
		return err
	}
	start, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return message.Errorf("reading which ports only root can open: %w", err)
	}
	if first, err := strconv.Atoi(strings.TrimSpace(string(start))); err != nil || p.Number < first {
		return errDenied
	}
	if taken[p.Key()] {
		return errInUse
	}
	return nil
}

// check reports what is wrong with the form of a port.
func (p Port) check() error {
	if !slices.Contains([]string{"tcp", "udp"}, p.Proto) || p.Number < 1 || p.Number > 65535 || p.Target < 1 || p.Target > 65535 {
		return errNoPort
	}
	if len(p.Sources) > maxSources || slices.ContainsFunc(p.Sources, func(s netip.Prefix) bool { return !s.IsValid() || !s.Addr().Is4() }) {
		return errSource
	}
	return nil
}

// takenPorts lists the keys of the ports that programs of the machine have, on
// every address or on the node's.
func takenPorts(address netip.Addr) (map[string]bool, error) {
	taken := map[string]bool{}
	for _, proto := range []string{"tcp", "udp"} {
		for _, family := range []string{"", "6"} {
			file, err := os.Open("/proc/net/" + proto + family)
			if err != nil {
				continue // a kernel without IPv6
			}
			addTaken(taken, bufio.NewScanner(file), proto, address)
			if err := file.Close(); err != nil {
				return nil, err
			}
		}
	}
	return taken, nil
}

// addTaken reads one of the kernel's tables of sockets.
func addTaken(taken map[string]bool, lines *bufio.Scanner, proto string, address netip.Addr) {
	state := map[string]string{"tcp": listening, "udp": bound}[proto]
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != state {
			continue
		}
		local, port, _ := strings.Cut(fields[1], ":")
		number, err := strconv.ParseUint(port, 16, 16)
		if err == nil && (strings.Trim(local, "0") == "" || strings.HasSuffix(local, kernelForm(address))) {
			taken[Port{Proto: proto, Number: int(number)}.Key()] = true
		}
	}
}

// kernelForm writes an IPv4 address as the kernel's tables do: its bytes as
// one number of the machine's order, which is little-endian here.
func kernelForm(a netip.Addr) string {
	b := a.As4()
	return fmt.Sprintf("%02X%02X%02X%02X", b[3], b[2], b[1], b[0])
}

// maxPorts bounds the ports that are given at a time. Node ports are 2768.
const maxPorts = 4096
