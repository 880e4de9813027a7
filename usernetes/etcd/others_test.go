package etcd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestMemberOf(t *testing.T) {
	named := etcdMember{ID: "1", Name: "m1", PeerURLs: []string{"https://192.0.2.1:2380"}}
	unstarted := etcdMember{ID: "2", PeerURLs: []string{"https://192.0.2.2:2380"}}
	members := []etcdMember{named, unstarted}
	for _, c := range []struct {
		name  string
		other Another
		id    string
	}{
		{"by its name", Another{"m1", ""}, "1"},
		{"one that has never run", Another{"m2", "192.0.2.2"}, "2"},
		{"its address is not known", Another{"m2", ""}, ""},
		{"the address of one of another name", Another{"m3", "192.0.2.1"}, ""},
	} {
		if m, found := memberOf(members, c.other); m.ID != c.id || found != (c.id != "") {
			t.Errorf("%s: %+v, %v", c.name, m, found)
		}
	}
}

// TestRemoveOther: the member of another machine goes, where those that stay have a
// quorum without it.
func TestRemoveOther(t *testing.T) {
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("127.0.0.1"), APIPort: 6443, EtcdPeers: true}
	member := func(name, id, ip string) etcdMember {
		m := peer(id, ip)
		m.Name = name
		return m
	}
	own, dead, gone := member("m1", "7", "127.0.0.1"), member("m2", "8", "127.0.0.8"), member("m3", "9", "127.0.0.9")
	for _, c := range []struct {
		name    string
		members []etcdMember
		busy    int
		other   string
		found   Member
		removed []string
		fault   string
	}{
		{"one of two", []etcdMember{own, dead}, 1, "m2", Member{true, false}, []string{"8"}, ""},
		{"the rest has no quorum", []etcdMember{own, dead, gone}, 0, "m2", Member{true, false}, nil, "only 1 of 2 etcd members would be ready"},
		{"it has none", []etcdMember{own, dead}, 0, "w1", Member{}, nil, ""},
		{"it answers", []etcdMember{own, dead}, 0, "m1", Member{true, true}, nil, "only 0 of 1 etcd members would be ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &playedEtcd{members: c.members, busy: c.busy}
			machine(t, playEtcd(t, e))
			found, err := FindOther(t.Context(), n, Another{Name: c.other})
			if found != c.found || (err != nil) != (c.fault != "") {
				t.Errorf("found %+v, %v", found, err)
			}
			err = RemoveOther(t.Context(), n, Another{Name: c.other})
			if !slices.Equal(e.removed, c.removed) || (c.fault == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("removed %q, %v", e.removed, err)
			}
		})
	}
}

// TestRemoveOtherWithoutEtcd: an etcd that is not ours has no members of ours, and
// one that does not answer has lost its quorum.
func TestRemoveOtherWithoutEtcd(t *testing.T) {
	machine(t, nil)
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("127.0.0.1")}
	if found, err := FindOther(t.Context(), n, Another{Name: "m2"}); found.Found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	if err := RemoveOther(t.Context(), n, Another{Name: "m2"}); err != nil {
		t.Error(err)
	}
	n.EtcdPeers = true
	machine(t, playEtcd(t, &playedEtcd{}))
	if _, err := FindOther(t.Context(), n, Another{Name: "m2"}); err == nil || !strings.Contains(err.Error(), "the cluster's etcd does not answer") {
		t.Errorf("%v", err)
	}
}
