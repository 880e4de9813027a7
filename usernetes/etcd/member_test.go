package etcd

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

func TestOwnMember(t *testing.T) {
	n := node.Node{Name: "m2", IP: netip.MustParseAddr("192.0.2.2")}
	first := etcdMember{ID: "1", Name: "m1", PeerURLs: []string{"https://192.0.2.1:2380"}}
	own := etcdMember{ID: "18446744073709551615", Name: "m2", PeerURLs: []string{"https://192.0.2.2:2380"}}
	unstarted := etcdMember{ID: "3", PeerURLs: []string{"https://192.0.2.2:2380"}}
	for _, c := range []struct {
		name         string
		members      []etcdMember
		id           string
		found, alone bool
	}{
		{"one of two", []etcdMember{first, own}, own.ID, true, false},
		{"announced, and not started yet", []etcdMember{first, unstarted}, "3", true, false},
		{"the only one", []etcdMember{own}, own.ID, true, true},
		{"not one of them", []etcdMember{first}, "", false, false},
		{"another of its name", []etcdMember{{ID: "7", Name: "m2", PeerURLs: []string{"https://192.0.2.20:2380"}}}, "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, found, alone := ownMember(c.members, n)
			if m.ID != c.id || found != c.found || alone != c.alone {
				t.Errorf("got %+v, %v, %v", m, found, alone)
			}
		})
	}
}

func TestEtcdURLs(t *testing.T) {
	n := node.Node{IP: netip.MustParseAddr("192.0.2.2")}
	for args, want := range map[string][]string{
		"--name=m2": {"https://192.0.2.2:2379"},
		"--initial-cluster=m1=https://192.0.2.1:2380,m2=https://192.0.2.2:2380,m3=https://[2001:db8::3]:2380": {"https://192.0.2.2:2379", "https://192.0.2.1:2379", "https://[2001:db8::3]:2379"},
		"--initial-cluster=nonsense": {"https://192.0.2.2:2379"},
	} {
		m, err := staticpod.ParseManifest("etcd", []byte("spec: {containers: [{name: etcd, command: [etcd, '"+args+"']}]}"))
		if err != nil {
			t.Fatal(err)
		}
		if got := etcdURLs(m, n); !slices.Equal(got, want) {
			t.Errorf("%s: got %q", args, got)
		}
	}
}

func TestEtcdClient(t *testing.T) {
	status, text := http.StatusOK, `{"header":{},"members":[{"ID":"18446744073709551615","name":"m1","peerURLs":["https://192.0.2.1:2380"],"clientURLs":[]}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v3/cluster/member/list" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	defer server.Close()
	client := &etcdClient{server.Client(), []string{"http://127.0.0.1:1", server.URL}}
	members, err := client.members(t.Context())
	if err != nil || len(members) != 1 || members[0].ID != "18446744073709551615" || members[0].Name != "m1" {
		t.Errorf("got %+v, %v", members, err)
	}
	for _, bad := range []string{"{}", "nonsense", `{"members":[]}`} {
		text = bad
		if _, err := client.members(t.Context()); err == nil {
			t.Errorf("%q is taken for an answer", bad)
		}
	}
	status = http.StatusServiceUnavailable
	if _, err := client.members(t.Context()); err == nil {
		t.Error("a refusal is taken for an answer")
	}
	if err := client.remove(t.Context(), etcdMember{ID: "1"}); err == nil {
		t.Error("a refusal is taken for a removal")
	}
}
