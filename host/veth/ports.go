package veth

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// What may keep a port from being published. The words are those that the
// kernel has for the same faults of a program that listens.
var (
	errDenied = errors.New("permission denied")
	errInUse  = errors.New("address already in use")
	errNoPort = errors.New("there is no such port")
)

// listening is the state of a TCP socket that listens, bound that of a UDP
// one. Source: Linux' include/net/tcp_states.h; proc(5).
const (
	listening = "0A"
	bound     = "07"
)

// mayPublish tells whether the node's user may have a port: one that it could
// open itself, and that no program of the machine has. address is the node's.
func mayPublish(p Port, address netip.Addr) error {
	if !slices.Contains([]string{"tcp", "udp"}, p.Proto) || p.Number < 1 || p.Number > 65535 || p.Target < 1 || p.Target > 65535 {
		return errNoPort
	}
	start, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return fmt.Errorf("reading which ports are root's: %w", err)
	}
	if first, err := strconv.Atoi(strings.TrimSpace(string(start))); err != nil || p.Number < first {
		return errDenied
	}
	for _, family := range []string{"", "6"} {
		file, err := os.Open("/proc/net/" + p.Proto + family)
		if err != nil {
			continue // a kernel without IPv6
		}
		taken := hasListener(bufio.NewScanner(file), p, address)
		if err := file.Close(); err != nil {
			return err
		}
		if taken {
			return errInUse
		}
	}
	return nil
}

// hasListener reads one of the kernel's tables of sockets for one that holds
// the port, on every address or on the node's.
func hasListener(lines *bufio.Scanner, p Port, address netip.Addr) bool {
	state := map[string]string{"tcp": listening, "udp": bound}[p.Proto]
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != state {
			continue
		}
		local, port, _ := strings.Cut(fields[1], ":")
		number, err := strconv.ParseUint(port, 16, 16)
		if err == nil && int(number) == p.Number && (strings.Trim(local, "0") == "" || strings.HasSuffix(local, kernelForm(address))) {
			return true
		}
	}
	return false
}

// kernelForm writes an IPv4 address as the kernel's tables do: its bytes as
// one number of the machine's order, which is little-endian here.
func kernelForm(a netip.Addr) string {
	b := a.As4()
	return fmt.Sprintf("%02X%02X%02X%02X", b[3], b[2], b[1], b[0])
}
