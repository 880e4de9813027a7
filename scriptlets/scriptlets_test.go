package scriptlets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

func TestStageOf(t *testing.T) {
	for _, c := range []struct {
		scriptlet, argument string
		want                Stage
		fails               bool
	}{
		{"post", "1", Install, false},
		{"post", "2", Upgrade, false},
		{"post", "3", Upgrade, false},
		{"preun", "0", Erase, false},
		{"preun", "1", Replaced, false},
		{"postun", "0", Erased, false},
		{"postun", "1", ReplacedBy, false},
		{"post", "0", 0, true},
		{"pretrans", "1", 0, true},
		{"post", "-1", 0, true},
		{"post", "", 0, true},
		{"preun", "one", 0, true},
	} {
		got, err := StageOf(c.scriptlet, c.argument)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s %q: stage %d, error %v", c.scriptlet, c.argument, got, err)
		}
	}
}

// hostWith is a host below a temporary folder with these account files.
func hostWith(t *testing.T, files map[string]string) *host.Host {
	t.Helper()
	h := &host.Host{Root: t.TempDir(), State: "/var/lib/podsec-k8s"}
	all := map[string]string{
		"/etc/passwd": "root:x:0:0::/root:/bin/sh\n",
		"/etc/group":  "root:x:0:\n",
	}
	for path, text := range files {
		all[path] = text
	}
	for path, text := range all {
		if err := os.MkdirAll(filepath.Dir(h.Root+path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.Root+path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestGatherFacts(t *testing.T) {
	const (
		admin      = "root:x:0:0::/root:/bin/sh\nu7s-admin:x:707:708::/var/lib/u7s-admin:/bin/sh\n"
		savedIDs   = `{"UID":640,"GID":640,"SubUIDs":400000,"SubGIDs":500000}`
		savedFile  = "/var/lib/podsec-k8s/saved/ids.json"
		savedThere = "/var/lib/podsec-k8s/saved/home/there"
	)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Facts
	}{
		{"bare", nil, Facts{User: host.Account{UID: 999, GID: 999}, SubUIDs: 100000, SubGIDs: 100000}},
		{
			"others have ids",
			map[string]string{
				"/etc/passwd": "root:x:0:0::/:/bin/sh\na:x:999:100::/:/bin/sh\n", "/etc/group": "b:x:998:\n",
				"/etc/subuid": "a:100000:65536\n", "/etc/subgid": "a:100000:65536\nb:165536:1\n",
			},
			Facts{User: host.Account{UID: 997, GID: 997}, SubUIDs: 165536, SubGIDs: 165537},
		},
		{"user of the administrator", map[string]string{"/etc/passwd": admin}, Facts{User: host.Account{UID: 707, GID: 708}, SubUIDs: 100000, SubGIDs: 100000}},
		{
			"ranges of the administrator",
			map[string]string{"/etc/passwd": admin, "/etc/subuid": "u7s-admin:300000:65536\n", "/etc/subgid": "u7s-admin:400000:70000\n"},
			Facts{User: host.Account{UID: 707, GID: 708}, SubUIDs: 300000, SubGIDs: 400000, HasRange: true},
		},
		{
			"a range too small",
			map[string]string{"/etc/passwd": admin, "/etc/subuid": "u7s-admin:300000:1000\n", "/etc/subgid": "u7s-admin:400000:70000\n"},
			Facts{User: host.Account{UID: 707, GID: 708}, SubUIDs: 100000, SubGIDs: 100000},
		},
		{"group of the administrator", map[string]string{"/etc/group": "u7s-admin:x:77:\n"}, Facts{User: host.Account{UID: 999, GID: 77}, SubUIDs: 100000, SubGIDs: 100000}},
		{"ALT's control", map[string]string{"/usr/sbin/control": ""}, Facts{User: host.Account{UID: 999, GID: 999}, SubUIDs: 100000, SubGIDs: 100000, Control: true}},
		{
			"a cluster was kept",
			map[string]string{savedFile: savedIDs, savedThere: ""},
			Facts{User: host.Account{UID: 640, GID: 640}, SubUIDs: 400000, SubGIDs: 500000, Back: true},
		},
		{
			"a cluster was kept and its ids are given away",
			map[string]string{
				savedFile: savedIDs, savedThere: "",
				"/etc/passwd": "c:x:640:1::/:/bin/sh\n", "/etc/subuid": "c:400001:1\n",
			},
			Facts{User: host.Account{UID: 999, GID: 999}, SubUIDs: 100000, SubGIDs: 100000},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := GatherFacts(hostWith(t, c.files), Wanted{SubIDs: units.SubIDCount})
			if err != nil {
				t.Fatal(err)
			}
			c.want.User.Name, c.want.User.Home = Admin, Home
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("\ngot  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestNoIDsLeft(t *testing.T) {
	var passwd strings.Builder
	for id := 100; id < 1000; id++ {
		passwd.WriteString("x:x:" + strconv.Itoa(id) + ":0::/:/bin/sh\n")
	}
	for name, files := range map[string]map[string]string{
		"system ids":      {"/etc/passwd": passwd.String()},
		"subordinate ids": {"/etc/subuid": "all:0:4294967295\n"},
	} {
		_, err := GatherFacts(hostWith(t, files), Wanted{SubIDs: units.SubIDCount})
		if f := new(host.Fault); !errors.As(err, &f) || f.Remedy.Empty() {
			t.Errorf("%s: no fault with a remedy, but %v", name, err)
		}
	}
}

func TestPlan(t *testing.T) {
	user := host.Account{Name: Admin, UID: 640, GID: 640, Home: Home}
	kinds := func(f Facts) string {
		var all []string
		for _, change := range Plan(f) {
			all = append(all, change.Kind()+" "+change.Key())
		}
		return strings.Join(all, "\n")
	}
	bare := kinds(Facts{User: user})
	for _, want := range []string{"user " + Admin, "home " + Home, "/etc/systemd/system/user@640.service.d/podsec-k8s.conf", "/etc/systemd/system/kubelet.service"} {
		if !strings.Contains(bare, want) {
			t.Errorf("the plan lacks %q:\n%s", want, bare)
		}
	}
	const control = "newuidmap"
	if strings.Contains(bare, control) || !strings.Contains(kinds(Facts{User: user, Control: true}), control) {
		t.Error("control newuidmap is for hosts that have control")
	}
	if ranges := (host.SubIDs{User: Admin}).Kind() + " "; !strings.Contains(bare, ranges) || strings.Contains(kinds(Facts{User: user, HasRange: true}), ranges) {
		t.Error("ranges are given to a user who has none")
	}
}

// TestMoreIDs: the site asks for more ids than the first range has. They lie
// behind all that the user has, and overlap nobody's.
func TestMoreIDs(t *testing.T) {
	const (
		admin  = "root:x:0:0::/root:/bin/sh\nu7s-admin:x:707:708::/var/lib/u7s-admin:/bin/sh\n"
		record = `{"Version":1,"Number":3,"Kind":"subids","Key":"u7s-admin","Changes":[{"User":"u7s-admin","UIDStart":100000,"GIDStart":100000,"Count":65536%s}],"Before":null}`
		file   = "/var/lib/podsec-k8s/journal/0003-subids.json"
		ids    = "u7s-admin:100000:65536\nbob:165536:65536\n"
	)
	one := []host.SubIDRange{{UIDStart: 231072, GIDStart: 231072, Count: 65536}}
	for _, c := range []struct {
		name   string
		files  map[string]string
		wanted uint64
		more   []host.SubIDRange
	}{
		{"a first install", map[string]string{"/etc/subuid": "a:165536:1\n"}, 131072, []host.SubIDRange{{UIDStart: 165537, GIDStart: 165536, Count: 65536}}},
		{"an older journal", map[string]string{"/etc/passwd": admin, file: fmt.Sprintf(record, ""), "/etc/subuid": ids, "/etc/subgid": ids}, 131072, one},
		{"an older journal, nothing more asked", map[string]string{"/etc/passwd": admin, file: fmt.Sprintf(record, ""), "/etc/subuid": ids, "/etc/subgid": ids}, units.SubIDCount, nil},
		{
			"asked again", map[string]string{
				"/etc/passwd": admin, file: fmt.Sprintf(record, `,"More":[{"UIDStart":231072,"GIDStart":231072,"Count":65536}]`),
				"/etc/subuid": ids + "u7s-admin:231072:65536\n", "/etc/subgid": ids + "u7s-admin:231072:65536\n",
			}, 131072, one,
		},
		{
			"fewer asked later", map[string]string{
				"/etc/passwd": admin, file: fmt.Sprintf(record, `,"More":[{"UIDStart":231072,"GIDStart":231072,"Count":65536}]`),
				"/etc/subuid": ids + "u7s-admin:231072:65536\n", "/etc/subgid": ids + "u7s-admin:231072:65536\n",
			}, units.SubIDCount, one,
		},
		{
			"still more asked, and others came", map[string]string{
				"/etc/passwd": admin, file: fmt.Sprintf(record, `,"More":[{"UIDStart":231072,"GIDStart":231072,"Count":65536}]`),
				"/etc/subuid": ids + "u7s-admin:231072:65536\ncarol:296608:65536\n", "/etc/subgid": ids + "u7s-admin:231072:65536\n",
			}, 200000, append(slices.Clone(one), host.SubIDRange{UIDStart: 362144, GIDStart: 296608, Count: 200000 - 131072}),
		},
		{
			"ranges of the administrator",
			map[string]string{"/etc/passwd": admin, "/etc/subuid": "u7s-admin:300000:65536\n707:500000:10\n", "/etc/subgid": "u7s-admin:400000:70000\n"},
			131072,
			[]host.SubIDRange{{UIDStart: 500010, GIDStart: 470000, Count: 131072 - 65546}},
		},
		{
			"a cluster was kept with more", map[string]string{
				"/var/lib/podsec-k8s/saved/ids.json":   `{"UID":640,"GID":640,"SubUIDs":400000,"SubGIDs":500000,"More":[{"UIDStart":231072,"GIDStart":231072,"Count":65536}]}`,
				"/var/lib/podsec-k8s/saved/home/there": "",
			}, units.SubIDCount, one,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := GatherFacts(hostWith(t, c.files), Wanted{SubIDs: c.wanted})
			if err != nil || !slices.Equal(f.More, c.more) {
				t.Errorf("got %+v, %v, want %+v", f.More, err, c.more)
			}
			at := slices.IndexFunc(Plan(f), func(change host.Change) bool { return change.Kind() == (host.SubIDs{}).Kind() })
			if hasRanges := at >= 0; hasRanges != (!f.HasRange || len(c.more) > 0) {
				t.Errorf("the plan gives ids: %v", hasRanges)
			}
		})
	}
	_, err := GatherFacts(hostWith(t, map[string]string{"/etc/subuid": "all:200000:4294767295\n"}), Wanted{SubIDs: 131072})
	if f := new(host.Fault); !errors.As(err, &f) || !strings.Contains(f.Remedy.String(), "SUBORDINATE_IDS") {
		t.Errorf("no ids are left, and got %v", err)
	}
}

// TestLimitsOfTheUser: the drop-ins free the node's user of limits that root
// does not have.
func TestLimitsOfTheUser(t *testing.T) {
	files := map[string]string{}
	for _, change := range Plan(Facts{User: host.Account{UID: 640}}) {
		if file, ok := change.(host.File); ok {
			files[file.Path] = string(file.Data)
		}
	}
	for path, lines := range map[string][]string{
		"/etc/systemd/system/user@640.service.d/podsec-k8s.conf": {
			"Delegate=cpu cpuset io memory pids", "LimitNPROC=infinity", "LimitSIGPENDING=infinity", "LimitMEMLOCK=infinity",
			"LimitMSGQUEUE=infinity", "LimitNOFILE=1024:1048576",
		},
		"/etc/systemd/system/user-640.slice.d/podsec-k8s.conf": {"TasksMax=infinity"},
	} {
		for _, line := range lines {
			if !strings.Contains(files[path], line+"\n") {
				t.Errorf("%s lacks %s:\n%s", path, line, files[path])
			}
		}
	}
}
