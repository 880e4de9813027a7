package scriptlets

import (
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

// TestScripts: what ALT's own podsec-k8s 1.x has left is found, also when it is
// removed, and what is in our way is kept aside.
func TestScripts(t *testing.T) {
	const user = "root:x:0:0::/root:/bin/sh\nu7s-admin:x:640:640::/var/lib/u7s-admin:/bin/sh\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // kinds and keys of the plan's first changes
	}{
		{"a bare host", nil, ""},
		{"our user and no scripts", map[string]string{"/etc/passwd": user, Home + "/x": ""}, ""},
		{"never used", map[string]string{"/etc/passwd": user, "/etc/podsec/u7s/env": "", Home + "/x": ""}, "ended u7s-admin, aside " + Home},
		{"removed", map[string]string{"/etc/passwd": user, "/var/lib/podsec/u7s/etcd/x": ""}, "ended u7s-admin"},
		{"a node", map[string]string{
			"/etc/passwd": user, "/etc/podsec/u7s/env": "", Home + "/x": "", scriptsLink: "",
			"/etc/kubernetes/kubelet.conf": "", "/etc/kubernetes/admin.conf": "",
		}, "ended u7s-admin, aside " + Home + ", aside /etc/kubernetes/kubelet.conf, aside /etc/kubernetes/admin.conf, file " + scriptsLink},
		{"the user is gone", map[string]string{"/etc/podsec/u7s/env": ""}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := GatherFacts(hostWith(t, c.files), Wanted{SubIDs: units.SubIDCount})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, change := range f.Scripts.plan(f.User) {
				got = append(got, change.Kind()+" "+change.Key())
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if has := f.home().Readme != ""; has != (c.want != "") {
				t.Errorf("the home has a file: %t", has)
			}
		})
	}
}

// TestComesFirst: an installation in their place that was cut goes on, and one
// that is done ends our own node never.
func TestComesFirst(t *testing.T) {
	ended, aside, home := host.Ended{User: Admin}, host.SetAside{Path: Home}, host.HomeFolder{Path: Home}
	for _, c := range []struct {
		made []host.Change
		want bool
	}{
		{nil, true},
		{[]host.Change{ended}, true},
		{[]host.Change{ended, aside}, true},
		{[]host.Change{ended, aside, home}, false},
		{[]host.Change{home}, false},
		{[]host.Change{host.User{Name: Admin}}, false},
	} {
		if got := comesFirst(c.made); got != c.want {
			t.Errorf("%v: %t", slices.Collect(func(yield func(string) bool) {
				for _, m := range c.made {
					yield(m.Kind())
				}
			}), got)
		}
	}
}
