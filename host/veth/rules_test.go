package veth

import (
	"net/netip"
	"strings"
	"testing"
)

func testLink() Link {
	return Link{Address: netip.MustParseAddr("192.0.2.10"), Device: "eth0", MTU: 1500, Subnet: lastFour(netip.MustParsePrefix("10.41.0.0/24"))}
}

func TestRules(t *testing.T) {
	some := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("203.0.113.9/32"), netip.MustParsePrefix("203.0.113.7/24")}
	text := rules(testLink(), []Port{{Proto: "tcp", Number: 81, Target: 30081, Sources: some}, {Proto: "udp", Number: 8472, Target: 8472}, {Proto: "tcp", Number: 8080, Target: 30080}, {Proto: "tcp", Number: 6443, Target: 6443}}, []string{"ip", "ip6"})
	for _, want := range []string{
		"ip daddr 192.0.2.10 tcp dport 8080 dnat to 10.41.0.254:30080",
		"ip daddr 192.0.2.10 udp dport 8472 dnat to 10.41.0.254:8472",
		"ip daddr 192.0.2.10 ip saddr { 198.51.100.7/32, 203.0.113.0/24 } tcp dport 81 dnat to 10.41.0.254:30081",
		"ip daddr != 192.0.2.10 udp dport 8472 @th,96,24 1 drop",
		"ip saddr 10.41.0.254 oifname != \"u7s0\" masquerade",
		"oifname \"u7s0\" drop",
		"iifname \"eth0\" oifname != \"u7s0\" drop",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no rule %q in\n%s", want, text)
		}
	}
	if accepted, dropped := strings.Index(text, "ct status dnat accept"), strings.Index(text, "oifname \"u7s0\" drop"); accepted < 0 || accepted > dropped {
		t.Errorf("published ports are not let through first:\n%s", text)
	}
	forwards := testLink()
	forwards.Forward = true
	if text := rules(forwards, nil, nil); strings.Contains(text, "eth0") {
		t.Errorf("a machine that forwarded before no longer does:\n%s", text)
	}
}

// TestRulesAreTheSameForAnyOrder: what nft is given depends on nothing else.
func TestRulesAreTheSameForAnyOrder(t *testing.T) {
	a, b := Port{Proto: "tcp", Number: 1, Target: 2}, Port{Proto: "tcp", Number: 3, Target: 4}
	if rules(testLink(), []Port{a, b}, nil) != rules(testLink(), []Port{b, a}, nil) {
		t.Error("the order of ports shows")
	}
}

// TestRulesOfSources: nothing passes the machine's end under another address
// than that of the namespaces' end, and no IPv6 at all.
func TestRulesOfSources(t *testing.T) {
	text := rules(testLink(), nil, []string{"ip", "ip6"})
	for _, want := range []string{
		"table ip6 podsec_k8s {\n\tchain source {\n\t\ttype filter hook prerouting priority -300;\n\t\tiifname \"u7s0\" drop\n",
		"iifname \"u7s0\" ip saddr != 10.41.0.254 drop\n",
		"iifname \"u7s0\" ip daddr 127.0.0.0/8 drop\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no rule %q in\n%s", want, text)
		}
	}
	if text := rules(testLink(), nil, []string{"ip"}); strings.Contains(text, "ip6") {
		t.Errorf("rules for IPv6 on a kernel without it:\n%s", text)
	}
}

// TestTableIsCompared: another table, and none, is not what was loaded.
func TestTableIsCompared(t *testing.T) {
	if err := sameTable(t.Context(), ""); err == nil {
		t.Error("no table is whole")
	}
	if err := load(t.Context(), rules(testLink(), nil, families())); err != nil {
		t.Fatal(err)
	}
	listed, err := listTables(t.Context())
	if err != nil || sameTable(t.Context(), listed) != nil || sameTable(t.Context(), listed+"\n") == nil {
		t.Errorf("listed %q, %v", listed, err)
	}
	if err := load(t.Context(), noRules(families())); err != nil || machineTables(t) != "" {
		t.Errorf("left: %q, %v", machineTables(t), err)
	}
}
