package scriptlets

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

// plans are all that podsec-k8s makes of a host, by what they are for.
func plans() map[string]host.Plan {
	user := host.Account{Name: Admin, UID: 640, GID: 641, Home: Home}
	more := []host.SubIDRange{{UIDStart: 300000, GIDStart: 400000, Count: 1000}}
	return map[string]host.Plan{
		"a bare host":                Plan(Facts{User: user}),
		"a host of ALT":              Plan(Facts{User: user, Control: true}),
		"the user has ids":           Plan(Facts{User: user, HasRange: true}),
		"and is to have more":        Plan(Facts{User: user, HasRange: true, More: more}),
		"more ids":                   Plan(Facts{User: user, SubUIDs: 100000, SubGIDs: 200000, More: more}),
		"a home of root's":           Plan(Facts{User: user, Home: host.HomeState{Exists: true, Folder: true}}),
		"a cluster is taken back":    Plan(Facts{User: user, Back: true}),
		"an upgrade of a node":       Plan(Facts{User: user, Kubelet: Kubelet{Swapped: true, Linked: true}}),
		"edited since":               Plan(Facts{User: user, Kubelet: Kubelet{Swapped: true, Edited: true}}),
		"a kubelet of its own":       Plan(Facts{User: user, Kubelet: Kubelet{Own: "/usr/bin/kubelet"}}),
		"podsec-k8s 1.x was here":    Plan(Facts{User: user, Scripts: Scripts{Found: true, Home: true, Links: []string{scriptsLink}, Files: []string{"/etc/kubernetes/admin.conf"}}}),
		"a node":                     NodePlan(),
		"a node of the network veth": VethPlan(),
	}
}

// TestEveryChangeComesBack from the journal as it was made, so that it can be
// undone.
func TestEveryChangeComesBack(t *testing.T) {
	for name, plan := range plans() {
		h := hostWith(t, nil)
		folder := filepath.Join(h.Root, h.State, "journal")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for i, change := range plan {
			record := map[string]any{"Version": 1, "Number": i + 1, "Kind": change.Kind(), "Key": change.Key(), "Changes": []any{change}}
			data, err := json.Marshal(record)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%04d.json", i+1)), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		made, err := host.Made(h)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(made, []host.Change(plan)) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, made, plan)
		}
	}
}

// TestWhole: what comes with a node is shown, too, and says so.
func TestWhole(t *testing.T) {
	f := Facts{User: host.Account{Name: Admin, UID: 640, GID: 640}}
	var lines []string
	for _, change := range Whole(f) {
		lines = append(lines, change.Describe().String())
	}
	now := len(Plan(f))
	for i, change := range slices.Concat(Plan(f), VethPlan(), NodePlan()) {
		if i >= len(lines) || !strings.HasSuffix(lines[i], change.Describe().String()) {
			t.Fatalf("%q is not line %d of %q", change.Describe(), i, lines)
		}
		if isLater := strings.HasPrefix(lines[i], "for a node: ") || strings.HasPrefix(lines[i], "for a node with --network=veth: "); isLater != (i >= now) {
			t.Errorf("%q", lines[i])
		}
	}
}
