package firewall

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rulesOf reads a file of testdata: what nft --json list ruleset printed of the
// ruleset beside it, or iptables-save.
func rulesOf(t testing.TB, name string) ruleset {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	rules := ruleset{}
	if strings.HasSuffix(name, ".iptables") {
		rules.readIptables("iptables-legacy", string(data))
		return rules
	}
	if err := rules.readNFTables(data, func(_, table string) bool { return table == ownTable }); err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestDroppedBy(t *testing.T) {
	published := Packet{Hook: Forward, In: "eth0", Out: "u7s0", Proto: "tcp", Port: 6443, DNAT: true}
	out := Packet{Hook: Forward, In: "u7s0", Out: "eth0", Proto: "tcp", Port: 443}
	in := func(proto string, port int) Packet {
		return Packet{Hook: Input, In: "eth0", Proto: proto, Port: port, To: netip.MustParseAddr("192.0.2.10")}
	}
	for _, c := range []struct {
		name, file string
		packet     Packet
		want       []string
	}{
		{"nothing but answers", "forward-drop.json", published, []string{"inet filter forward"}},
		{"nothing but answers, out", "forward-drop.json", out, []string{"inet filter forward"}},
		{"another hook", "forward-drop.json", in("tcp", 6443), nil},
		{"let through", "forward-let-through.json", published, nil},
		{"let through, out", "forward-let-through.json", out, nil},
		{"one direction", "forward-one-way.json", out, nil},
		{"maybe in a network", "forward-one-way.json", Packet{Hook: Forward, In: "eth0", Out: "u7s0", Proto: "tcp", Port: 6443}, nil},
		{"not in the network", "forward-one-way.json", Packet{Hook: Forward, In: "eth0", Out: "u7s0", Proto: "tcp", Port: 6443, To: netip.MustParseAddr("192.0.2.1")}, []string{"ip site forward"}},
		{"an open port", "workstation.json", in("tcp", 6443), nil},
		{"another protocol", "workstation.json", in("udp", 6443), []string{"inet filter input"}},
		{"open for some clients", "workstation.json", in("tcp", 10250), nil},
		{"in a range", "workstation.json", in("udp", 8472), nil},
		{"by device and port", "workstation.json", in("tcp", 30080), nil},
		{"of another device", "workstation.json", in("tcp", 30081), []string{"inet filter input"}},
		{"behind a goto", "workstation.json", in("tcp", 9100), nil},
		{"not open", "workstation.json", in("tcp", 30090), []string{"inet filter input"}},
		{"our own table, and IPv6", "ours.json", published, nil},
		{"iptables", "docker.iptables", published, []string{"iptables-legacy filter FORWARD"}},
		{"iptables, out", "docker.iptables", out, nil},
		{"iptables, to containers", "docker.iptables", Packet{Hook: Forward, In: "eth0", Out: "docker0", Proto: "tcp", Port: 80}, nil},
		{"iptables, a list of ports", "docker.iptables", in("tcp", 8443), nil},
		{"iptables, another protocol", "docker.iptables", in("udp", 8443), []string{"iptables-legacy filter INPUT"}},
		{"iptables, open for some clients", "docker.iptables", in("tcp", 10250), nil},
	} {
		var got []string
		for _, chain := range rulesOf(t, c.file).droppedBy(c.packet) {
			got = append(got, chain.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: dropped by %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFault(t *testing.T) {
	forward := Chain{"inet", "filter", "forward", Forward}
	for want, got := range map[string]string{
		"nft insert rule inet filter forward iifname u7s0 accept; nft insert rule inet filter forward oifname u7s0 accept": forward.
			fault([]Packet{{Hook: Forward, In: "u7s0", Out: "eth0", Proto: "tcp", Port: 443}}).Remedy.String(),
		"iptables-legacy -t filter -I FORWARD -i u7s0 -j ACCEPT; iptables-legacy -t filter -I FORWARD -o u7s0 -j ACCEPT": Chain{"iptables-legacy", "filter", "FORWARD", Forward}.
			fault([]Packet{{Hook: Forward, In: "eth0", Out: "u7s0", Proto: "tcp", Port: 6443, DNAT: true}}).Remedy.String(),
		"nft insert rule inet filter input tcp dport 6443 accept": Chain{"inet", "filter", "input", Input}.
			fault([]Packet{{Hook: Input, Proto: "tcp", Port: 6443}, {Hook: Input, Proto: "tcp", Port: 6443}}).Remedy.String(),
	} {
		if !strings.HasSuffix(got, want) {
			t.Errorf("remedy %q, want %q", got, want)
		}
	}
	var many []Packet
	for port := range 30 {
		many = append(many, Packet{Hook: Input, Proto: "tcp", Port: 30000 + port})
	}
	if text := (Chain{"inet", "filter", "input", Input}).fault(many).Err.Error(); !strings.HasSuffix(text, "30011/tcp, …") {
		t.Errorf("it names %q", text)
	}
}

// TestImplementationsOfIptables: the rules of one let nothing through that the
// other drops.
func TestImplementationsOfIptables(t *testing.T) {
	rules := ruleset{}
	rules.readIptables("iptables-nft", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -o u7s0 -j ACCEPT\nCOMMIT\n")
	rules.readIptables("iptables-legacy", "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")
	got := rules.droppedBy(Packet{Hook: Forward, Out: "u7s0"})
	if want := []Chain{{"iptables-legacy", "filter", "FORWARD", Forward}}; !slices.Equal(got, want) {
		t.Errorf("dropped by %v, want %v", got, want)
	}
}

// TestLoop: chains that jump to one another can't be loaded, and are not
// followed for ever.
func TestLoop(t *testing.T) {
	rules := ruleset{}
	rules.readIptables("iptables", "*filter\n:INPUT DROP [0:0]\n:A - [0:0]\n-A INPUT -j A\n-A A -j A\nCOMMIT\n")
	if got := rules.droppedBy(Packet{Hook: Input}); got != nil {
		t.Errorf("dropped by %v", got)
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		nft, iptables := ruleset{}, ruleset{}
		_ = nft.readNFTables(data, func(string, string) bool { return false })
		iptables.readIptables("iptables", string(data))
		for _, hook := range []Hook{Input, Forward} {
			nft.droppedBy(Packet{Hook: hook, Proto: "tcp", Port: 1})
			iptables.droppedBy(Packet{Hook: hook, Proto: "tcp", Port: 1})
		}
	})
}
