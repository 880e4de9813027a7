package upgrade

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestMain gives the tests a /var/lib of their own, where the node's state is.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib")
	os.Exit(m.Run())
}

func TestVersions(t *testing.T) {
	ordered := []string{"v1.26.3", "v1.26.15", "v1.27.0-alpha.1", "v1.27.0-rc.0", "v1.27.0", "v1.34.4", "v2.0.0"}
	for i, a := range ordered {
		for j, b := range ordered {
			one, errOne := ParseVersion(a)
			other, errOther := ParseVersion(b)
			if errOne != nil || errOther != nil {
				t.Fatal(errOne, errOther)
			}
			if got := one.Compare(other); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s against %s: %d", a, b, got)
			}
		}
	}
	for _, text := range []string{"", "1.34.4", "v1.34", "v1.34.4.1", "v1.34.x", "v1.34.4; reboot", "v1.34.4\n", "v99999.1.1"} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("%q is %+v", text, v)
		}
	}
}

func TestSteps(t *testing.T) {
	for _, c := range []struct{ from, to, says string }{
		{"v1.34.3", "v1.34.4", ""},
		{"v1.34.3", "v1.34.3", ""},
		{"v1.26.3", "v1.26.13", ""},
		{"v1.26.13", "v1.27.16", ""},
		{"v1.34.4", "v1.35.4", ""},
		{"v1.34.4", "v1.34.3", "is older than the cluster"},
		{"v1.27.1", "v1.26.15", "is older than the cluster"},
		{"v1.26.3", "v1.34.4", "more than one minor"},
		{"v1.34.4", "v2.0.0", "more than one minor"},
		{"v1.35.4", "v1.36.0", "does not know that Kubernetes version"},
		{"nonsense", "v1.34.4", "not a version"},
	} {
		err := CheckStep(c.from, c.to)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		}
	}
}

func TestNodesBefore(t *testing.T) {
	ready := func(version string) Member { return Member{Name: "w1", Version: version, Ready: true} }
	for _, c := range []struct {
		to   string
		node Member
		says string
	}{
		{"v1.34.4", ready("v1.34.3"), ""},
		{"v1.34.4", ready("v1.33.1"), ""}, // a former upgrade may end later, within the minor
		{"v1.35.4", ready("v1.34.2"), ""},
		{"v1.35.4", ready("v1.33.1"), "not of the cluster's version v1.34.3: w1 (v1.33.1)"},
		{"v1.34.4", Member{Name: "w1", Version: "v1.34.3"}, "not ready: w1"},
		{"v1.34.4", ready("v1.35.0"), "w1 (v1.35.0)"},
		{"v1.34.4", ready(""), "not a version"},
	} {
		err := State{Cluster: "v1.34.3", Nodes: []Member{c.node}}.CheckNodes(c.to)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v to %s: %v", c.node, c.to, err)
		}
	}
}

func TestElsewhereAndBehind(t *testing.T) {
	s := State{Name: "m1", Cluster: "v1.34.4", Nodes: []Member{
		{Name: "w1", Version: "v1.34.3", Ready: true}, {Name: "m1", Version: "v1.34.4", Ready: true, TakesPods: true, Cordoned: true}, {Name: "m2", Version: "v1.34.3", ControlPlane: true},
	}}
	if s.Elsewhere() || !s.Own().Cordoned {
		t.Error("nobody else takes pods")
	}
	if left := s.Behind(); len(left) != 2 || left[0].Name != "m2" || left[1].Name != "w1" {
		t.Errorf("behind are %+v", left)
	}
	s.Nodes[0].TakesPods = true
	if !s.Elsewhere() {
		t.Error("w1 takes pods")
	}
}

// TestState: root takes no name or version that is none.
func TestState(t *testing.T) {
	good := State{Name: "m1", Version: "v1.34.3", Nodes: []Member{{Name: "w1", Version: "v1.34.3"}}, Deprecated: []Deprecated{{"", "v1", "endpoints", "1.40"}}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*State){
		"name":       func(s *State) { s.Name = "m1;reboot" },
		"node":       func(s *State) { s.Nodes[0].Name = "../w1" },
		"version":    func(s *State) { s.Version = "../../tmp" },
		"cluster":    func(s *State) { s.Cluster = "v1" },
		"record":     func(s *State) { s.Record.From = "/tmp" },
		"deprecated": func(s *State) { s.Deprecated[0].Resource = "a\x1b" },
		"release":    func(s *State) { s.Deprecated[0].Removed = "soon" },
	} {
		bad := State{Name: "m1", Version: "v1.34.3", Nodes: []Member{{Name: "w1", Version: "v1.34.3"}}, Deprecated: []Deprecated{{"", "v1", "endpoints", "1.40"}}}
		spoil(&bad)
		if bad.Check() == nil {
			t.Errorf("a bad %s is taken", name)
		}
	}
}

func TestDeprecated(t *testing.T) {
	const metrics = `# HELP apiserver_requested_deprecated_apis [STABLE] Gauge
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="",removed_release="",resource="componentstatuses",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="flowcontrol.apiserver.k8s.io",removed_release="1.29",resource="flowschemas",subresource="",version="v1beta2"} 1
apiserver_requested_deprecated_apis{group="flowcontrol.apiserver.k8s.io",removed_release="1.29",resource="flowschemas",subresource="status",version="v1beta2"} 1
apiserver_requested_deprecated_apis{group="x",removed_release="1.27",resource="evil\u001b",subresource="",version="v1"} 1
apiserver_request_total{group="x",removed_release="1.27"} 5
`
	want := []Deprecated{{"flowcontrol.apiserver.k8s.io", "v1beta2", "flowschemas", "1.29"}}
	got := DeprecatedIn(metrics)
	if !reflect.DeepEqual(got, want) || got[0].String() != "flowschemas.v1beta2.flowcontrol.apiserver.k8s.io" {
		t.Fatalf("got %v", got)
	}
	for version, gone := range map[string]int{"v1.28.9": 0, "v1.29.0": 1, "v1.30.1": 1} {
		v, err := ParseVersion(version)
		if err != nil || len(GoneBy(got, v)) != gone {
			t.Errorf("%s: %v, %v", version, GoneBy(got, v), err)
		}
	}
}

// TestRecord: it is kept, and forgotten with all that belongs to it.
func TestRecord(t *testing.T) {
	if r, err := LoadRecord(); err != nil || r.Unfinished() {
		t.Fatalf("%+v, %v", r, err)
	}
	roottest.WriteFile(t, node.SavedDir+"/etc/x", "")
	r := Record{From: "v1.34.3", To: "v1.34.4", Done: []string{"save"}}
	if err := r.Save(); err != nil {
		t.Fatal(err)
	}
	got, err := LoadRecord()
	if err != nil || !reflect.DeepEqual(got, r) || !got.Unfinished() || !got.Has("save") || got.Has("kubeadm") {
		t.Errorf("%+v, %v", got, err)
	}
	got.Finished = true
	if got.Unfinished() {
		t.Error("what is finished is unfinished")
	}
	got.Back = true
	if !got.Unfinished() {
		t.Error("a way back that was begun is finished")
	}
	if err := (State{Record: r}).CheckRecord("v1.34.5"); err == nil {
		t.Error("another upgrade may begin")
	}
	if err := Forget(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(node.StateDir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
