package usernetes

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestAnswers: a cluster where nobody may ask without a name answers well.
func TestAnswers(t *testing.T) {
	for status, want := range map[int]bool{200: true, 401: true, 403: false, 500: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if got := answers(t.Context(), server.Client(), server.URL); got != want {
			t.Errorf("%d: %v", status, got)
		}
		server.Close()
		if answers(t.Context(), server.Client(), server.URL) {
			t.Error("nobody has answered")
		}
	}
	if answers(t.Context(), http.DefaultClient, "://") {
		t.Error("no URL has answered")
	}
}

// TestWaitParts: who waits no longer is told that something is missing.
func TestWaitParts(t *testing.T) {
	s := playSite(t)
	manager, err := node.UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := waitParts(ctx, &Work{Plan: Plan{Node: s.node}, Manager: manager}); err == nil {
		t.Error("a node that does not run is whole")
	}
}
