package etcd

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
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

// A playedEtcd is a cluster's etcd, over its JSON gateway.
type playedEtcd struct {
	members []etcdMember
	removed []string // ids
	busy    int      // so often it lets no member go
}

func (e *playedEtcd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct{ ID string }
	json.NewDecoder(r.Body).Decode(&asked) //nolint:errcheck // it is looked at
	switch {
	case strings.HasSuffix(r.URL.Path, "/status"):
		io.WriteString(w, `{"leader":"7"}`) //nolint:errcheck // the client tells
	case strings.HasSuffix(r.URL.Path, "/list"):
		json.NewEncoder(w).Encode(map[string]any{"members": e.members}) //nolint:errcheck // the client tells
	case e.busy > 0:
		e.busy--
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "etcdserver: unhealthy cluster\n") //nolint:errcheck // the same
	default:
		e.removed = append(e.removed, asked.ID)
		e.members = slices.DeleteFunc(e.members, func(m etcdMember) bool { return m.ID == asked.ID })
		io.WriteString(w, "{}") //nolint:errcheck // the same
	}
}

// playEtcd plays the etcd of this machine, and returns the certificates by which
// it is asked.
func playEtcd(t *testing.T, e *playedEtcd) map[string]string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:2379")
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: e}} //nolint:gosec // a test's
	server.StartTLS()
	t.Cleanup(server.Close)
	access := played.Start(t).Access() // all played servers have one authority
	return map[string]string{
		etcdPKI + "/ca.crt": string(access.CA), etcdPKI + "/healthcheck-client.crt": string(access.Cert), etcdPKI + "/healthcheck-client.key": string(access.Key),
		node.ManifestsDir + "/etcd.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd, namespace: kube-system}\nspec:\n  containers:\n  - {name: etcd, image: x, command: [etcd, \"--initial-cluster=m1=https://127.0.0.1:2380\"]}\n",
	}
}

func peer(id, ip string) etcdMember {
	return etcdMember{ID: id, PeerURLs: []string{"https://" + ip + ":2380"}, ClientURLs: []string{"https://" + ip + ":2379"}}
}

// TestLeaveEtcd: this node's member goes, where it is one of several, and where
// the others are asked is noted before.
func TestLeaveEtcd(t *testing.T) {
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("127.0.0.1"), APIPort: 6443, EtcdPeers: true}
	for _, c := range []struct {
		name    string
		members []etcdMember
		busy    int
		removed []string
		leaving []string
	}{
		{"one of two", []etcdMember{peer("7", "127.0.0.1"), peer("8", "192.0.2.11")}, 0, []string{"7"}, []string{"https://192.0.2.11:2379"}},
		{"a member has just come", []etcdMember{peer("7", "127.0.0.1"), peer("8", "192.0.2.11")}, 1, []string{"7"}, []string{"https://192.0.2.11:2379"}},
		{"the only one", []etcdMember{peer("7", "127.0.0.1")}, 0, nil, nil},
		{"it has left before", []etcdMember{peer("8", "192.0.2.11")}, 0, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &playedEtcd{members: c.members, busy: c.busy}
			machine(t, playEtcd(t, e))
			if err := (steps.Steps{Done: []string{steps.PhaseJoin}}).Save(); err != nil {
				t.Fatal(err)
			}
			if err := LeaveEtcd(t.Context(), n); err != nil {
				t.Error(err)
			}
			s, err := steps.LoadSteps()
			if err != nil || !slices.Equal(e.removed, c.removed) || !slices.Equal(s.Leaving, c.leaving) {
				t.Errorf("removed %q, noted %q, %v", e.removed, s.Leaving, err)
			}
		})
	}
}

// TestLeaveEtcdWithoutOne: a worker, a cluster that was never made, and a control
// plane that has no member yet leave nothing.
func TestLeaveEtcdWithoutOne(t *testing.T) {
	machine(t, nil)
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("127.0.0.1")}
	if err := LeaveEtcd(t.Context(), n); err != nil {
		t.Errorf("a worker: %v", err)
	}
	n.EtcdPeers = true
	if err := LeaveEtcd(t.Context(), n); err != nil {
		t.Errorf("a cluster that was never made: %v", err)
	}
	if err := (steps.Steps{Done: []string{steps.PhaseJoin}}).Save(); err != nil {
		t.Fatal(err)
	}
	if err := LeaveEtcd(t.Context(), n); err != nil {
		t.Errorf("no member yet: %v", err)
	}
}

// TestKnownEtcdURLs: without a manifest those are asked that an earlier run has
// noted, or that the cluster knows.
func TestKnownEtcdURLs(t *testing.T) {
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), EtcdPeers: true}
	key := map[string]string{etcdPKI + "/healthcheck-client.key": ""}
	machine(t, key)
	if urls, err := knownEtcdURLs(t.Context(), n); err != nil || urls != nil {
		t.Errorf("no administrator: %q, %v", urls, err)
	}
	if err := (steps.Steps{Leaving: []string{"https://192.0.2.12:2379"}}).Save(); err != nil {
		t.Fatal(err)
	}
	if urls, err := knownEtcdURLs(t.Context(), n); err != nil || !slices.Equal(urls, []string{"https://192.0.2.12:2379"}) {
		t.Errorf("noted: %q, %v", urls, err)
	}
	machine(t, key)
	api := played.Start(t)
	api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	if _, err := knownEtcdURLs(t.Context(), n); err == nil || !strings.Contains(err.Error(), "getting the members of the cluster's etcd") {
		t.Errorf("no answer: %v", err)
	}
	api.Has(etcdPods, `{"items":[{"spec":{"nodeName":"m1"},"status":{"podIP":"192.0.2.10"}},{"spec":{"nodeName":"m2"},"status":{"podIP":"192.0.2.11"}},{"spec":{"nodeName":"m3"}}]}`)
	if urls, err := knownEtcdURLs(t.Context(), n); err != nil || !slices.Equal(urls, []string{"https://192.0.2.11:2379"}) {
		t.Errorf("by the cluster: %q, %v", urls, err)
	}
	machine(t, map[string]string{etcdPKI + "/healthcheck-client.key": "", node.AdminConf: "{"})
	if urls, err := knownEtcdURLs(t.Context(), n); err != nil || urls != nil {
		t.Errorf("kubeadm was cut: %q, %v", urls, err)
	}
}

// TestAskEtcd: the first member that answers will do, and of none the reasons are
// known.
func TestAskEtcd(t *testing.T) {
	machine(t, playEtcd(t, &playedEtcd{members: []etcdMember{peer("7", "127.0.0.1")}}))
	c, err := newEtcdClient([]string{"https://127.0.0.1:1", "https://127.0.0.1:2379"})
	if err != nil {
		t.Fatal(err)
	}
	if members, err := c.members(t.Context()); err != nil || len(members) != 1 {
		t.Errorf("%+v, %v", members, err)
	}
	c.urls = c.urls[:1]
	if _, err := c.members(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "querying etcd: ") {
		t.Errorf("%v", err)
	}
	machine(t, nil)
	if _, err := newEtcdClient(nil); err == nil {
		t.Error("without certificates")
	}
}
