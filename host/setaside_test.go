package host

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/message"
)

// takingOver is a host with a user, a home and a service of another installation,
// and the plan that takes its place.
func takingOver(t *testing.T) (*Host, Plan) {
	t.Helper()
	h := testHost(t)
	const home, link = "/var/lib/u7s-admin", "/etc/systemd/system/multi-user.target.wants/u7s.service"
	put(t, h, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nu7s-admin:x:998:998::"+home+":/bin/sh\n")
	put(t, h, "/etc/group", "root:x:0:\nu7s-admin:x:998:\n")
	put(t, h, home+"/cluster/data", "old\n")
	put(t, h, "/etc/kubernetes/kubelet.conf", "old\n")
	put(t, h, "/etc/podsec-k8s/node.conf", "")
	put(t, h, link, "") // makes its folder
	if err := errors.Join(os.Remove(h.path(link)), os.Symlink("/lib/systemd/system/u7s.service", h.path(link))); err != nil {
		t.Fatal(err)
	}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	return h, Plan{
		Ended{User: "u7s-admin", UID: 998, Units: []string{"u7s.service"}},
		SetAside{Path: home, Place: "/var/lib/podsec-k8s/scripts/home"},
		File{Path: link, Absent: true},
		SetAside{Path: "/etc/kubernetes/kubelet.conf", Place: "/etc/podsec-k8s/scripts/kubelet.conf"},
		User{Name: "u7s-admin", UID: 998, GID: 998, Home: home},
		HomeFolder{Path: home, UID: uid, GID: gid, Readme: "ours\n"},
		File{Path: "/etc/systemd/system/kubelet.service", Data: []byte("ours\n"), Mode: 0o644},
	}
}

// TestTakingOver: the home is a new one, with a file in it, and erase gives back
// the old one. Power that fails at any step of it, or a fault, leaves neither half.
func TestTakingOver(t *testing.T) {
	h, plan := takingOver(t)
	before := tree(t, h)
	apply(t, h, plan)
	if !h.present("/var/lib/u7s-admin/README") || h.present("/var/lib/u7s-admin/cluster") || h.present("/etc/kubernetes/kubelet.conf") {
		t.Errorf("there is\n%s", tree(t, h))
	}
	apply(t, h, plan)
	erasedTo(t, h, before)
	for n, done := 1, false; !done; n++ {
		for _, once := range []bool{true, false} {
			h, plan := takingOver(t)
			count := 0
			h.Step = func(string, string) error {
				if count++; count == n || count > n && !once {
					return errBroken
				}
				return nil
			}
			done = plan.Apply(t.Context(), h) == nil
			h.Step = nil
			if once && !done {
				sameTree(t, before, tree(t, h))
			}
			apply(t, h, plan)
			erasedTo(t, h, before)
			if t.Failed() {
				t.Fatalf("at step %d, once %t", n, once)
			}
		}
	}
}

// TestSetAsideOfWhatCameSince: what is in its place by now is not written over,
// and what was kept is named.
func TestSetAsideOfWhatCameSince(t *testing.T) {
	h := testHost(t)
	put(t, h, "/srv/old/data", "old")
	var notes []string
	h.Note = func(text message.Text) { notes = append(notes, text.String()) }
	apply(t, h, Plan{SetAside{Path: "/srv/old", Place: "/var/lib/podsec-k8s/scripts/old"}})
	put(t, h, "/srv/old/data", "new")
	if err := Erase(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(notes, "kept /var/lib/podsec-k8s/scripts/old: changed since install") || !h.present("/var/lib/podsec-k8s/scripts/old/data") {
		t.Errorf("notes %q", notes)
	}
}

// TestEnded: units that run are stopped, the user's systemd last, and what is left
// is killed.
func TestEnded(t *testing.T) {
	for active, want := range map[string][]string{
		"active":   {"stop u7s.service", "stop user@998.service"},
		"inactive": nil,
	} {
		h := testHost(t)
		m := &playedManager{unit: LoadedUnit{Load: "loaded", Active: active}}
		h.Units = func(context.Context) (UnitManager, error) { return m, nil }
		killed := false
		h.Kill = func(_ context.Context, ours func(uint32) bool) ([]Process, error) {
			killed = ours(998) && !ours(0)
			return nil, nil
		}
		put(t, h, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nu7s-admin:x:998:998::/var/lib/u7s-admin:/bin/sh\n")
		apply(t, h, Plan{Ended{User: "u7s-admin", UID: 998, Units: []string{"u7s.service"}}})
		if !slices.Equal(m.calls, want) || !killed {
			t.Errorf("%s: %q, killed %t", active, m.calls, killed)
		}
	}
}

// TestSetAsideFollowsNoLink: who may write in the folder above puts a link in its
// place. What is kept stays kept, and nothing comes to where the link leads.
func TestSetAsideFollowsNoLink(t *testing.T) {
	h := testHost(t)
	aside := SetAside{Path: "/etc/kubernetes/manifests/etcd.yaml", Place: "/etc/podsec-k8s/scripts/etcd.yaml"}
	put(t, h, aside.Path, "old")
	put(t, h, "/etc/victim/x", "")
	var notes []string
	h.Note = func(text message.Text) { notes = append(notes, text.String()) }
	apply(t, h, Plan{aside})
	swap := func() {
		t.Helper()
		folder := h.path("/etc/kubernetes/manifests")
		if err := errors.Join(os.Rename(folder, folder+".old"), os.Symlink("../victim", folder)); err != nil {
			t.Fatal(err)
		}
	}
	swap()
	if err := Erase(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if h.present("/etc/victim/etcd.yaml") || !h.present(aside.Place) {
		t.Error("it was written where the link leads")
	}
	if !slices.Contains(notes, "kept "+aside.Place+": changed since install") {
		t.Errorf("notes %q", notes)
	}
	put(t, h, "/etc/victim/kubelet.conf", "theirs")
	var fault *Fault
	behind := SetAside{Path: "/etc/kubernetes/manifests/kubelet.conf", Place: "/etc/podsec-k8s/scripts/kubelet.conf"}
	if err := behind.Possible(h); !errors.As(err, &fault) {
		t.Errorf("possible behind a link: %v", err)
	}
	if err := (Plan{behind}).Apply(t.Context(), h); !errors.As(err, &fault) || !h.present("/etc/victim/kubelet.conf") {
		t.Errorf("applied behind a link: %v", err)
	}
}

// TestSetAsidePossible: what is a file system of its own can't be moved, and its
// remedy is to unmount it.
func TestSetAsidePossible(t *testing.T) {
	const home = "/var/lib/u7s-admin"
	h := testHost(t)
	aside := SetAside{Path: home, Place: "/var/lib/podsec-k8s/scripts/home"}
	if err := aside.Possible(h); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	put(t, h, home+"/x", "")
	if err := aside.Possible(h); err != nil {
		t.Errorf("a folder: %v", err)
	}
	put(t, h, "/proc/self/mountinfo", "36 35 98:0 / "+home+" rw - ext4 /dev/sdb rw\n")
	var fault *Fault
	if err := aside.Possible(h); !errors.As(err, &fault) || !strings.Contains(fault.Remedy.String(), "umount "+home) {
		t.Errorf("a mount: %v", err)
	}
}
