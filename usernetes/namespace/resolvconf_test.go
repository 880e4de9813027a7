package namespace

import (
	"net/netip"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestResolvConf(t *testing.T) {
	for _, c := range []struct{ name, host, want string }{
		{"missing", "", ""},
		{"no search", "nameserver 192.0.2.1\n", ""},
		{"search and options", "nameserver 192.0.2.1\nsearch corp.example lab.example\noptions ndots:2 rotate\n", "search corp.example lab.example\noptions ndots:2 rotate\n"},
		{"the last search counts", "search old.example\nsearch new.example\n", "search new.example\n"},
		{"domain is a list of one", "domain corp.example ignored\n", "search corp.example\n"},
		{"search after domain", "domain a.example\nsearch b.example c.example\n", "search b.example c.example\n"},
		{"domain after search", "search b.example c.example\ndomain a.example\n", "search a.example\n"},
		{"options add up", "options ndots:2\noptions edns0 trust-ad\n", "options ndots:2 edns0 trust-ad\n"},
		{"the root of systemd-resolved", "nameserver 127.0.0.53\nsearch .\n", ""},
		{"comments and tabs", "# search no.example\n; options no\n\tsearch\ta.example\n", "search a.example\n"},
		{"an empty keyword", "search\noptions\n", ""},
		{"no newline at the end", "search a.example", "search a.example\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(resolvConf([]byte(c.host), netip.MustParseAddr("10.41.0.3")))
			if want := "nameserver 10.41.0.3\n" + c.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestHostsFile(t *testing.T) {
	for _, c := range []struct{ name, host, want string }{
		{"named", "127.0.0.1 localhost\n192.0.2.9 m1.example m1\n", "127.0.0.1 localhost\n192.0.2.9 m1.example m1\n"},
		{"not named", "127.0.0.1 localhost\n", "127.0.0.1 localhost\n192.0.2.1 m1\n"},
		{"named in a comment", "127.0.0.1 localhost # m1\n", "127.0.0.1 localhost # m1\n192.0.2.1 m1\n"},
		{"part of a name", "192.0.2.8 m11\n", "192.0.2.8 m11\n192.0.2.1 m1\n"},
		{"no newline at the end", "127.0.0.1 localhost", "127.0.0.1 localhost\n192.0.2.1 m1\n"},
		{"missing", "", "127.0.0.1 localhost\n::1 localhost\n192.0.2.1 m1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(hostsFile([]byte(c.host), "m1", netip.MustParseAddr("192.0.2.1"))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSameNameservers(t *testing.T) {
	for mode, want := range map[string]bool{node.SlirpMode: false, node.VethMode: false, node.PastaMode: true} {
		check := sameNameservers(node.ModeOf(mode))
		if p := check([]byte("nameserver 192.0.2.1\nnameserver 192.0.2.2\n")); p != nil {
			t.Errorf("%s, at the start: %v", mode, p)
		}
		if p := check([]byte("search a.example\nnameserver 192.0.2.1\n")); p != nil {
			t.Errorf("%s, the same: %v", mode, p)
		}
		p := check([]byte("nameserver 192.0.2.3\n"))
		if (p != nil) != want || want && p.Fault.String() != "the host has another name server, but pasta still uses the old one" {
			t.Errorf("%s, another: %v", mode, p)
		}
	}
}
