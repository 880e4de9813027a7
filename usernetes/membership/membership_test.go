package membership

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const ownNode = "/api/v1/nodes/w1"

// machine begins a test on a machine that is the node w1, and had a Node object of
// that uid; "" is none yet.
func machine(t *testing.T, uid string) *played.API {
	t.Helper()
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if err := (node.Node{Name: "w1"}).Save(); err != nil {
		t.Fatal(err)
	}
	if uid != "" {
		if err := remember(uid); err != nil {
			t.Fatal(err)
		}
	}
	return played.Start(t)
}

// TestLook: a machine is removed when the record has the Node object that it had,
// whether another one was made since or not.
func TestLook(t *testing.T) {
	const recorded = `{"data":{"u1":"{\"name\":\"w1\",\"removed\":\"2026-01-02T03:04:05Z\"}"}}`
	own := func(uid string) string { return `{"metadata":{"name":"w1","uid":"` + uid + `"}}` }
	for _, c := range []struct {
		name    string
		had     string
		node    any
		record  any
		removed bool
		has     string // then
	}{
		{"known", "u1", own("u1"), nil, false, "u1"},
		{"seen for the first time", "", own("u1"), recorded, false, "u1"},
		{"deleted with kubectl", "u1", nil, nil, false, "u1"},
		{"deleted, and made again", "u1", own("u2"), nil, false, "u2"},
		{"removed", "u1", nil, recorded, true, "u1"},
		{"removed, and made again", "u1", own("u2"), recorded, true, "u1"},
		{"joined again after it was removed", "u2", nil, recorded, false, "u2"},
		{"never known", "", nil, recorded, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := machine(t, c.had)
			api.Has(ownNode, c.node)
			api.Has(recordPath, c.record)
			removed, err := Look(t.Context(), api.Client(), "w1")
			if err != nil || removed != c.removed {
				t.Errorf("%v, %v", removed, err)
			}
			if has, err := remembered(); err != nil || has != c.has {
				t.Errorf("it remembers %q, %v", has, err)
			}
			if again, err := Look(t.Context(), api.Client(), "w1"); err != nil || again != c.removed {
				t.Errorf("again: %v, %v", again, err)
			}
		})
	}
}

// TestLookIsUnsure: who can't be asked has not removed anyone.
func TestLookIsUnsure(t *testing.T) {
	api := machine(t, "u1")
	api.Refuses("GET "+recordPath, http.StatusForbidden) // no node was removed yet
	if removed, err := Look(t.Context(), api.Client(), "w1"); removed || err != nil {
		t.Errorf("%v, %v", removed, err)
	}
	api.Refuses("GET "+recordPath, http.StatusInternalServerError)
	if removed, err := Look(t.Context(), api.Client(), "w1"); removed || err == nil {
		t.Errorf("%v, %v", removed, err)
	}
	api.Refuses("GET "+ownNode, http.StatusForbidden)
	if removed, err := Look(t.Context(), api.Client(), "w1"); removed || err == nil {
		t.Errorf("%v, %v", removed, err)
	}
}

// TestRecord: what one machine records another one finds, and what is old goes. The
// rights are there before the record.
func TestRecord(t *testing.T) {
	api := machine(t, "u1")
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	n := kubeapi.ClusterNode{Metadata: kubeapi.Metadata{Name: "w1", UID: "u1"}}
	if err := Record(t.Context(), api.Client(), n, now); err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, s := range api.Sent() {
		calls = append(calls, s.Call)
	}
	want := "POST " + rbacPlace + "roles, POST " + rbacPlace + "rolebindings, POST " + recordPlace + ", PATCH " + recordPath
	if got := strings.Join(calls, ", "); got != want {
		t.Errorf("got %s", got)
	}
	api.Has(recordPath, `{"data":{"old":"{\"name\":\"w0\",\"removed\":\"2025-01-02T03:04:05Z\"}","new":"{\"name\":\"w2\",\"removed\":\"2026-11-01T00:00:00Z\"}"}}`)
	if err := Record(t.Context(), api.Client(), n, now); err != nil {
		t.Fatal(err)
	}
	sent := api.Sent()[4:]
	if len(sent) != 1 {
		t.Fatalf("%+v", sent)
	}
	data, _ := sent[0].Body["data"].(map[string]any)
	old, goes := data["old"]
	if _, touched := data["new"]; touched || !goes || old != nil || data["u1"] != `{"name":"w1","removed":"2026-11-28T00:00:00Z"}` {
		t.Errorf("%v", data)
	}
	for name, want := range map[string]bool{"w2": true, "w3": false} {
		if got, err := WasRemoved(t.Context(), api.Client(), name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	api.Refuses("PATCH "+recordPath, http.StatusForbidden)
	if err := Record(t.Context(), api.Client(), n, now); err == nil || !strings.HasPrefix(err.Error(), "recording the removed node: ") {
		t.Errorf("%v", err)
	}
}

// TestLookHere: a control plane whose own API has ended asks another one.
func TestLookHere(t *testing.T) {
	api := machine(t, "")
	if removed, err := LookHere(t.Context()); removed || err != nil {
		t.Errorf("without an identity: %v, %v", removed, err)
	}
	ended := played.Start(t)
	ended.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	ended.Refuses("GET "+ownNode, http.StatusInternalServerError)
	if _, err := LookHere(t.Context()); err == nil {
		t.Error("no API answers")
	}
	api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	api.Has(ownNode, `{"metadata":{"uid":"u1"}}`)
	if removed, err := LookHere(t.Context()); removed || err != nil {
		t.Errorf("%v, %v", removed, err)
	}
	api.Has(ownNode, nil)
	api.Has(recordPath, `{"data":{"u1":"{}"}}`)
	Follow(t.Context()) // it ends when that is known
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if removed, err := LookHere(t.Context()); removed || err != nil {
		t.Errorf("without a node: %v, %v", removed, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	Follow(ctx)
}
