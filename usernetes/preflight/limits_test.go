package preflight

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const resourceLimits = `Limit                     Soft Limit           Hard Limit           Units     
Max processes             96365                unlimited            processes 
Max open files            1024                 1048576              files     
Max locked memory         8388608              8388608              bytes     
Max pending signals       96365                96365                signals   
Max msgqueue size         819200               819200               bytes     
Max realtime timeout      unlimited            unlimited            us        
`

// kernel is a root with what a kernel says of limits.
func kernel(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{
		"proc/sys/kernel/keys/maxkeys": "200\n", "proc/sys/fs/pipe-user-pages-hard": "0\n", "proc/sys/fs/pipe-user-pages-soft": "131072\n",
		"proc/sys/user/max_net_namespaces": "500\n",
		"proc/key-users":                   "    0:    57 56/56 51/1000000 1093/25000000\n  988:   181 181/181 181/200 842/20000\n  98:    1 1/1 1/1 1/1\n",
		"proc/160/limits":                  resourceLimits,
		"sys/fs/cgroup/user.slice/user-988.slice/user@988.service/init.scope/cgroup.procs": "0\n160\n161\n",
		"sys/fs/cgroup/user.slice/user-988.slice/pids.max":                                 "5000\n",
		"sys/fs/cgroup/user.slice/user-988.slice/pids.current":                             "4499\n",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLowLimits(t *testing.T) {
	f := ReadLimits(kernel(t, nil), 988)
	low := f.low()
	for setter, names := range map[setter][]string{
		setBySysctl:  {"kernel.keys.maxkeys"},
		setByManager: {maxLocked, maxQueues},
		setBySlice:   {sliceTasks},
		setByNobody:  {"user.max_net_namespaces"},
	} {
		if len(low[setter]) != len(names) {
			t.Errorf("setter %d: got %q, want %q", setter, low[setter], names)
			continue
		}
		for i, name := range names {
			if !strings.HasPrefix(low[setter][i].String(), name+" ") {
				t.Errorf("setter %d: got %q, want %q", setter, low[setter][i], name)
			}
		}
	}
	warnings := f.Warnings()
	if len(warnings) != 3 {
		t.Fatalf("got %v", warnings)
	}
	for i, words := range [][2]string{{"kernel.keys.maxkeys 200 of 5000", "sysctl.d"}, {"pids.max 5000 of 10000", "user@988.service"}, {"user.max_net_namespaces 500", "/etc/sysctl.d"}} {
		if !strings.Contains(warnings[i].Error(), words[0]) || !strings.Contains(warnings[i].Remedy.String(), words[1]) {
			t.Errorf("got %v: %s, want %q", warnings[i], warnings[i].Remedy, words)
		}
	}
}

func TestExhaustedLimits(t *testing.T) {
	says := func(files map[string]string) string {
		var all []string
		for _, f := range ReadLimits(kernel(t, files), 988).Exhausted() {
			all = append(all, f.Error())
		}
		return strings.Join(all, "\n")
	}
	if got := says(nil); !strings.Contains(got, "kernel.keys.maxkeys is nearly reached: u7s-admin uses 181 of 200") || strings.Contains(got, "maxbytes") || strings.Contains(got, "TasksMax") {
		t.Errorf("got %q", got)
	}
	quiet := map[string]string{"proc/key-users": "988: 1 1/1 179/200 17999/20000\n", "sys/fs/cgroup/user.slice/user-988.slice/pids.max": "max\n"}
	if got := says(quiet); got != "" {
		t.Errorf("below the end: %q", got)
	}
	full := map[string]string{"proc/key-users": "988: 1 1/1 1/200 18000/20000\n", "sys/fs/cgroup/user.slice/user-988.slice/pids.current": "4500\n"}
	if got := says(full); !strings.Contains(got, "kernel.keys.maxbytes is nearly reached: u7s-admin uses 18000 of 20000") || !strings.Contains(got, "TasksMax (user-988.slice) is nearly reached: u7s-admin uses 4500 of 5000") {
		t.Errorf("got %q", got)
	}
}

// TestEveryLimitIsSetByItsSetter: what the table leaves to sysctl.d is there,
// and large enough.
func TestEveryLimitIsSetByItsSetter(t *testing.T) {
	settings := units.Sysctls()
	for _, l := range limits() {
		at := slices.IndexFunc(settings, func(s units.Sysctl) bool { return s.Key == l.name })
		if (at >= 0) != (l.setter == setBySysctl) {
			t.Errorf("%s: the setter is %d, and sysctl.d has it: %v", l.name, l.setter, at >= 0)
			continue
		}
		if at < 0 {
			continue
		}
		if value, err := strconv.ParseUint(settings[at].Value, 10, 64); err != nil || value < l.need {
			t.Errorf("%s: sysctl.d sets %s, and a node needs %d", l.name, settings[at].Value, l.need)
		}
	}
}

// TestLimitsAreDocumented: each is in the manual's table, in both languages.
func TestLimitsAreDocumented(t *testing.T) {
	for _, page := range []string{"../../cmd/podsec-k8s/man/podsec-k8s.8", "../../cmd/podsec-k8s/man/ru/podsec-k8s.8"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range limits() {
			if !strings.Contains(strings.ReplaceAll(string(text), `\-`, "-"), l.name) {
				t.Errorf("%s lacks %s", page, l.name)
			}
		}
	}
}

func TestWarningsCanBeIgnored(t *testing.T) {
	f := Facts{
		Limits: ReadLimits(kernel(t, nil), 988), Proxy: ProxyFacts{Exposed: []string{"/etc/podsec-k8s/a.conf"}},
		Unmeasured: host.NewFault("mount another", "it has no disk"),
	}
	count := func(ignore ...string) int { return len(Warnings(f, ignore)) }
	if count() != 6 || count("limits") != 2 || count("proxy", "ephemeral-storage") != 4 || count("all") != 0 {
		t.Errorf("got %d, %d, %d, %d", count(), count("limits"), count("proxy"), count("all"))
	}
	for _, finding := range Warnings(f, nil) {
		if !finding.Warning || finding.Fault.Remedy.Empty() {
			t.Errorf("got %+v", finding)
		}
	}
}

func TestPreflightComparesIDsWithTheSite(t *testing.T) {
	site := node.DefaultSite()
	site.SubordinateIDs = 131072
	f := machine("v1.26.3").WithSite(t.Context(), site)
	err := checkSubIDs(f, node.Node{})
	if err == nil || !strings.Contains(err.Error(), "needs 131072") {
		t.Errorf("got %v", err)
	}
	f.SubUIDs, f.SubGIDs = 131072, 131072
	if err := checkSubIDs(f, node.Node{}); err != nil {
		t.Error(err)
	}
}
