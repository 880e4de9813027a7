package scriptlets

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/units"
)

func guardRuns() []string { return []string{"/usr/bin/podsec-k8s", "kubelet-guard"} }

// guardUnit is what systemd has in force when all is well.
func guardUnit(change func(*host.LoadedUnit)) host.LoadedUnit {
	u := host.LoadedUnit{
		Load: "loaded", Active: "active", Enabled: "enabled", File: units.GuardFile, PID: 7,
		DropIns: []string{"/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", units.GuardDropInFile}, Settings: map[string][]string{},
	}
	for name, values := range units.Settings(units.GuardDropIn(640)) {
		if slices.Contains(host.RunSettings(), name) && !slices.Equal(values, []string{"no"}) {
			u.Settings[name] = values
		}
	}
	if change != nil {
		u.Settings = maps.Clone(u.Settings)
		change(&u)
	}
	return u
}

func TestKubeletFaults(t *testing.T) {
	const zzz = "/etc/systemd/system/kubelet.service.d/zzz.conf"
	late := func(name, value string) func(*host.LoadedUnit) {
		return func(u *host.LoadedUnit) {
			u.DropIns = append(u.DropIns, zzz, "/etc/systemd/system/kubelet.service.d/zzzz.conf")
			u.Settings[name] = []string{value}
		}
	}
	swapped := Kubelet{Swapped: true}
	for _, c := range []struct {
		name    string
		kubelet Kubelet
		unit    host.LoadedUnit
		running []string
		want    []string // of the only fault and its remedy; nil for none
	}{
		{"all is well", swapped, guardUnit(nil), guardRuns(), nil},
		{"it is not running", swapped, guardUnit(func(u *host.LoadedUnit) { u.Active, u.PID = "inactive", 0 }), nil, nil},
		{"a kubelet of the machine's own", Kubelet{Own: "/usr/bin/kubelet"}, host.LoadedUnit{}, nil, []string{"/usr/bin/kubelet", "kubeadm reset", "disable --now", "host apply"}},
		{"not taken yet", Kubelet{}, host.LoadedUnit{}, nil, []string{"host apply"}},
		{"masked", swapped, guardUnit(func(u *host.LoadedUnit) { u.Load, u.File = "masked", "" }), nil, []string{"systemctl unmask kubelet"}},
		{"not reloaded", swapped, guardUnit(func(u *host.LoadedUnit) { u.Stale = true }), nil, []string{"systemctl daemon-reload"}},
		{"a unit file that wins", swapped, guardUnit(func(u *host.LoadedUnit) { u.File = "/run/systemd/system/kubelet.service" }), nil, []string{"/run/systemd/system/kubelet.service takes precedence over", "mv /run/systemd"}},
		{"our unit file is gone", swapped, guardUnit(func(u *host.LoadedUnit) { u.File = "/lib/systemd/system/kubelet.service" }), nil, []string{units.GuardFile, "host apply"}},
		{"our drop-in is gone", swapped, guardUnit(func(u *host.LoadedUnit) { u.DropIns, u.Settings["Type"] = nil, []string{"simple"} }), nil, []string{units.GuardDropInFile, "Type", "host apply"}},
		{"another program", swapped, guardUnit(late("ExecStart", "/bin/sleep infinity")), nil, []string{zzz + " overrides it with ExecStart", "sorts before zz-podsec-k8s.conf"}},
		{"root", swapped, guardUnit(late("User", "root")), nil, []string{zzz + " overrides it with User"}},
		{"root before it starts", swapped, guardUnit(late("ExecStartPre", "/bin/true")), nil, []string{zzz + " overrides it with ExecStartPre"}},
		{"the old one still runs", swapped, guardUnit(nil), []string{"/usr/bin/kubelet", "--x"}, []string{"still runs /usr/bin/kubelet", "systemctl restart kubelet"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := func(path string) string {
				if path != zzz {
					return "[Service]\n# ExecStart=\nNice=1\n"
				}
				return "[Service]\nExecStart=\nExecStart = /bin/sleep infinity\nUser=root\nExecStartPre=+/bin/true\n"
			}
			faults := kubeletFaults(c.kubelet, c.unit, c.running, 640, read)
			if len(c.want) == 0 {
				if len(faults) != 0 {
					t.Errorf("got %v", faults[0])
				}
				return
			}
			if len(faults) != 1 {
				t.Fatalf("%d faults: %v", len(faults), faults)
			}
			for _, word := range c.want {
				if text := faults[0].Error() + "\n" + faults[0].Remedy.String(); !strings.Contains(text, word) {
					t.Errorf("no %q in %s", word, text)
				}
			}
		})
	}
}

func TestOwnKubelet(t *testing.T) {
	kubelet := func(active, enabled string) host.LoadedUnit {
		return host.LoadedUnit{Active: active, Enabled: enabled, Settings: map[string][]string{"ExecStart": {"/usr/bin/kubelet $KUBELET_ARGS"}}}
	}
	node := []string{"/etc/kubernetes/kubelet.conf"}
	for _, c := range []struct {
		name            string
		unit            host.LoadedUnit
		running, traces []string
		want            string
	}{
		{"only installed", kubelet("inactive", "disabled"), nil, nil, ""},
		{"enabled without a node", kubelet("inactive", "enabled"), nil, nil, ""},
		{"a node that does not run", kubelet("inactive", "disabled"), nil, node, ""},
		{"a node that is stopped now", kubelet("inactive", "enabled-runtime"), nil, node, "/usr/bin/kubelet"},
		{"it waits for kubeadm", kubelet("activating", "disabled"), nil, nil, "/usr/bin/kubelet"},
		{"it runs", kubelet("active", "disabled"), []string{"/opt/kubelet", "--x"}, nil, "/opt/kubelet"},
		{"no unit", host.LoadedUnit{Load: "not-found", Active: "inactive"}, nil, node, ""},
		{"the guard, of a journal that was lost", guardUnit(nil), guardRuns(), nil, ""},
	} {
		if got := ownKubelet(c.unit, c.running, c.traces); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestSwap: kubelet.service is taken, but for one in use, and what the
// administrator has changed since stays.
func TestSwap(t *testing.T) {
	keys := func(k Kubelet, back bool) string {
		var all []string
		for _, change := range Plan(Facts{User: host.Account{UID: 640}, Kubelet: k, Back: back}) {
			all = append(all, change.Key())
		}
		return strings.Join(all, "\n") + "\n"
	}
	for _, c := range []struct {
		name       string
		kubelet    Kubelet
		back       bool
		has, lacks []string
	}{
		{"fresh", Kubelet{}, false, []string{units.SiteUnitFile, units.GuardFile, units.GuardDropInFile, units.Guard}, []string{units.GuardLink}},
		{"in use", Kubelet{Own: "/usr/bin/kubelet"}, false, nil, []string{units.SiteUnitFile, units.GuardFile, units.GuardDropInFile, units.GuardLink, "\n" + units.Guard + "\n"}},
		{"changed since", Kubelet{Swapped: true, Edited: true}, false, []string{units.GuardFile}, []string{"\n" + units.SiteUnitFile + "\n"}},
		{"enabled by us", Kubelet{Swapped: true, Linked: true}, false, []string{units.GuardLink}, nil},
		{"a cluster comes back", Kubelet{}, true, []string{units.GuardLink}, nil},
	} {
		got := keys(c.kubelet, c.back)
		for _, key := range c.has {
			if !strings.Contains(got, key) {
				t.Errorf("%s: the plan lacks %s", c.name, key)
			}
		}
		for _, key := range c.lacks {
			if strings.Contains(got, key) {
				t.Errorf("%s: the plan has %s", c.name, strings.TrimSpace(key))
			}
		}
	}
}

// TestRefusals: a user, ids or a home that can't be a node's are faults before
// anything is changed.
func TestRefusals(t *testing.T) {
	const admin = "root:x:0:0::/root:/bin/sh\nu7s-admin:x:707:708::/var/lib/u7s-admin:/bin/sh\nbob:x:300005:5::/:/bin/sh\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string // nil: no fault
	}{
		{"ids of its own", map[string]string{"/etc/passwd": admin, "/etc/subuid": "alice:234464:65536\nu7s-admin:400000:65536\n", "/etc/subgid": "u7s-admin:400000:65536\nalice:465536:1\n"}, nil},
		{"another user's", map[string]string{"/etc/subuid": "u7s-admin:400000:65536\nalice:465535:1\n", "/etc/subgid": "u7s-admin:400000:65536\n"}, []string{"uids of u7s-admin", "alice", "/etc/subuid", "host apply"}},
		{"another user's, by number", map[string]string{"/etc/subuid": "u7s-admin:400000:65536\n", "/etc/subgid": "1000:0:500000\nu7s-admin:400000:65536\n"}, []string{"gids of u7s-admin", "1000", "/etc/subgid"}},
		{"a user's", map[string]string{"/etc/passwd": admin, "/etc/subuid": "u7s-admin:300000:65536\n", "/etc/subgid": "u7s-admin:300000:65536\n"}, []string{"bob, 300005"}},
		{"a group's", map[string]string{"/etc/group": "g:x:300006:\n", "/etc/subuid": "u7s-admin:300000:65536\n", "/etc/subgid": "u7s-admin:300000:65536\n"}, []string{"g, 300006"}},
		{"the same twice", map[string]string{"/etc/subuid": "u7s-admin:300000:65536\nu7s-admin:300000:65536\n", "/etc/subgid": "u7s-admin:300000:65536\n"}, []string{"twice"}},
		{"too high", map[string]string{"/etc/subuid": "u7s-admin:4294960000:65536\n", "/etc/subgid": "u7s-admin:300000:65536\n"}, []string{"no id can be so high"}},
		{"half a user", map[string]string{"/etc/passwd": admin, "/etc/shadow": "root:!:1::::::\n"}, []string{"is incomplete", "userdel u7s-admin"}},
		{"home is a file", map[string]string{"/var/lib/u7s-admin": ""}, []string{"not a directory", "mount --bind"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := GatherFacts(hostWith(t, c.files), Wanted{SubIDs: units.SubIDCount})
			checkRefusal(t, err, c.want)
		})
	}
	t.Run("home of another user", func(t *testing.T) {
		roottest.Need(t)
		h := hostWith(t, map[string]string{"/var/lib/u7s-admin/x": ""})
		if err := os.Chown(h.Root+"/var/lib/u7s-admin", 4242, 4242); err != nil {
			t.Fatal(err)
		}
		_, err := GatherFacts(h, Wanted{SubIDs: units.SubIDCount})
		checkRefusal(t, err, []string{"4242", "chown root"})
	})
	t.Run("home is a link", func(t *testing.T) {
		h := hostWith(t, map[string]string{"/srv/u7s/x": "", "/var/lib/x": ""})
		if err := os.Symlink("/srv/u7s", h.Root+"/var/lib/u7s-admin"); err != nil {
			t.Fatal(err)
		}
		_, err := GatherFacts(h, Wanted{SubIDs: units.SubIDCount})
		checkRefusal(t, err, []string{"not a directory", "mount --bind"})
	})
	t.Run("home is root's", func(t *testing.T) {
		roottest.Need(t)
		f, err := GatherFacts(hostWith(t, map[string]string{"/var/lib/u7s-admin/lost+found": ""}), Wanted{SubIDs: units.SubIDCount})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(Plan(f), func(c host.Change) bool { return c.Kind() == (host.HomeOwner{}).Kind() }) {
			t.Error("it is not given to the user")
		}
	})
}

func checkRefusal(t *testing.T, err error, want []string) {
	t.Helper()
	var f *host.Fault
	switch {
	case want == nil && err != nil:
		t.Errorf("refused: %v", err)
	case want != nil && (!errors.As(err, &f) || f.Remedy.Empty()):
		t.Errorf("no fault with a remedy, but %v", err)
	case want != nil:
		for _, word := range want {
			if text := err.Error() + "\n" + f.Remedy.String(); !strings.Contains(text, word) {
				t.Errorf("no %q in %s", word, text)
			}
		}
	}
}

// TestPickedRangesAreNobodys: neither ranges nor users and groups of others are
// in what is given out.
func TestPickedRangesAreNobodys(t *testing.T) {
	f, err := GatherFacts(hostWith(t, map[string]string{
		"/etc/passwd": "root:x:0:0::/:/bin/sh\nbob:x:100005:100006::/:/bin/sh\n", "/etc/group": "g:x:200000:\n", "/etc/subuid": "alice:170000:1\n",
	}), Wanted{SubIDs: units.SubIDCount})
	if err != nil || f.SubUIDs != 100006 || f.SubGIDs != 100007 {
		t.Errorf("uids from %d, gids from %d, %v", f.SubUIDs, f.SubGIDs, err)
	}
	f, err = GatherFacts(hostWith(t, map[string]string{
		"/etc/passwd": "root:x:0:0::/:/bin/sh\nbob:x:165540:165541::/:/bin/sh\n", "/etc/group": "g:x:165542:\n",
	}), Wanted{SubIDs: 2 * units.SubIDCount})
	if want := []host.SubIDRange{{UIDStart: 165541, GIDStart: 165543, Count: units.SubIDCount}}; err != nil || !slices.Equal(f.More, want) {
		t.Errorf("the second range is %v, not %v; %v", f.More, want, err)
	}
}

// TestFaultOfNoIDsIsSaidOnce: both kinds are used up, which is one fault.
func TestFaultOfNoIDsIsSaidOnce(t *testing.T) {
	_, err := GatherFacts(hostWith(t, map[string]string{"/etc/subuid": "all:0:4294967295\n", "/etc/subgid": "all:0:4294967295\n"}), Wanted{SubIDs: units.SubIDCount})
	if err == nil || strings.Count(err.Error(), host.ErrNoRange.Error()) != 1 {
		t.Errorf("%v", err)
	}
}

func TestRootfulFinding(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/kubernetes/kubelet.conf":        checkRootful,
		"/etc/kubernetes/manifests/etcd.yaml": checkRootful,
		"/etc/kubernetes/pki/ca.crt":          "",
		"/var/lib/etcd/member/wal":            "",
		"/etc/kubernetes/kubelet":             "none",
	} {
		found, unused := RootfulFinding(hostWith(t, map[string]string{path: ""}))
		switch {
		case want == checkRootful && (found == nil || !strings.Contains(found.Fault.Error(), path) || found.Required()):
			t.Errorf("%s: %+v", path, found)
		case want == "" && (found != nil || len(unused) != 1):
			t.Errorf("%s: %+v, unused %q", path, found, unused)
		case want == "none" && (found != nil || len(unused) != 0):
			t.Errorf("%s: %+v, unused %q", path, found, unused)
		}
	}
}

// TestEditedUnitFile: what the administrator puts at the place of the unit file
// later is told apart from what podsec-k8s wrote or put aside.
func TestEditedUnitFile(t *testing.T) {
	for text, edited := range map[string]bool{"": false, "[Service]\nExecStart=/x\n": true} {
		h := hostWith(t, map[string]string{"/etc/systemd/system/x": "", "/var/lib/x": ""})
		if err := (host.Plan{host.File{Path: units.SiteUnitFile, Absent: true}}).Apply(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if text != "" {
			if err := os.WriteFile(filepath.Join(h.Root, units.SiteUnitFile), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		k, err := lookAtKubelet(t.Context(), h)
		if err != nil || !k.Swapped || k.Edited != edited {
			t.Errorf("with %q there: %+v, %v", text, k, err)
		}
	}
}

// TestFindingsOfAnInstalledHost: ids that came to be somebody else's after the
// install keep nothing from being changed, and are told.
func TestFindingsOfAnInstalledHost(t *testing.T) {
	h := hostWith(t, map[string]string{"/var/lib/x": "", "/etc/subuid": "u7s-admin:400000:65536\nalice:465535:1\n", "/etc/subgid": "u7s-admin:400000:65536\n"})
	if err := (host.Plan{host.File{Path: "/etc/made", Mode: 0o644}}).Apply(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	f, err := GatherFacts(h, Wanted{SubIDs: units.SubIDCount})
	if err != nil {
		t.Fatal(err)
	}
	found, err := Findings(t.Context(), h, f)
	if err != nil || len(found) != 1 || found[0].Check != "subordinate-ids" || !strings.Contains(found[0].Fault.Error(), "alice") {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestAuditLogFindings: a group that there is not, and a folder that can't be given
// away, are told of; neither keeps the package from being installed.
func TestAuditLogFindings(t *testing.T) {
	for name, c := range map[string]struct {
		files  map[string]string
		reader string
		gid    uint32
		says   string // "" for nothing
	}{
		"nobody is named":  {nil, "", 0, ""},
		"a group":          {map[string]string{"/etc/group": "logs:x:42:\n"}, "logs", 42, ""},
		"no such group":    {nil, "logs", 0, "there is no group logs"},
		"no folder at all": {map[string]string{"/var/log/kubernetes/audit": "a file"}, "", 0, "/var/log/kubernetes/audit is not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostWith(t, c.files)
			f, err := GatherFacts(h, Wanted{SubIDs: units.SubIDCount, Reader: c.reader})
			if err != nil || f.auditLog().GID != c.gid {
				t.Fatalf("gid %d, %v", f.auditLog().GID, err)
			}
			found, err := Findings(t.Context(), h, f)
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, one := range found {
				if one.Check == checkAuditLog && !one.Required() && !one.Fault.Remedy.Empty() {
					said = one.Fault.Error()
				}
			}
			if (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
				t.Errorf("%q, want %q", said, c.says)
			}
		})
	}
}
