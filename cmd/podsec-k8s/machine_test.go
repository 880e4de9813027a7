package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// TestOverviewPackets: every open port is a packet that the machine's firewall
// has to let in, or to forward.
func TestOverviewPackets(t *testing.T) {
	ports := []status.PortStatus{
		{Port: "8472/udp"},
		{Port: "6443/tcp", Forwarded: 6443},
		{Port: "80/tcp", Forwarded: 30080},
		{Port: "81/tcp", Fault: message.Of("taken")},
		{Port: "198.51.100.7:82/tcp"},
		{Port: "127.0.0.1:83/tcp"},
		{Port: "nonsense"},
	}
	describe := func(mode string) (lines []string) {
		for _, p := range overviewPackets(status.Status{Network: mode, Ports: ports}, netip.MustParseAddr("192.0.2.10")) {
			lines = append(lines, fmt.Sprintf("%s %d/%s to %s by %q", p.Hook, p.Port, p.Proto, p.To, p.Out))
		}
		return lines
	}
	want := []string{
		`input 8472/udp to 192.0.2.10 by ""`,
		`forward 6443/tcp to invalid IP by "u7s0"`,
		`forward 30080/tcp to invalid IP by "u7s0"`,
		`input 82/tcp to 198.51.100.7 by ""`,
	}
	if got := describe("slirp4netns"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	want = append(want, `forward 443/tcp to invalid IP by ""`) // what pods send out, by the machine's device
	if got := describe(node.VethMode); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestNothingOfAStoppedNode: what is missing because the node does not run is
// no fault of the machine.
func TestNothingOfAStoppedNode(t *testing.T) {
	for _, o := range []status.Status{{}, {Address: "192.0.2.10", Network: node.VethMode, Units: []status.UnitStatus{{Unit: "u7s-rootlesskit.service", State: "inactive"}}}} {
		if got := machineFaults(t.Context(), o); got != nil {
			t.Errorf("%+v: %v", o, got)
		}
	}
}
