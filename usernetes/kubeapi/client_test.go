package kubeapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// testAPI is a client of a server that handle plays.
func testAPI(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewTLSServer(handle)
	t.Cleanup(server.Close)
	return ClientOf(server.Client(), server.URL)
}

func TestAPIClientGet(t *testing.T) {
	api := testAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/forbidden" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"kind":"Status","message":"nodes \"x\" is forbidden"}`)
			return
		}
		_, _ = io.WriteString(w, `{"spec":{"podCIDR":"10.244.1.0/24"}}`)
	})
	var got struct{ Spec struct{ PodCIDR string } }
	if err := api.Get(t.Context(), "/node", &got); err != nil || got.Spec.PodCIDR != "10.244.1.0/24" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := api.Get(t.Context(), "/forbidden", &got); err == nil || !strings.Contains(err.Error(), `403: nodes "x" is forbidden`) {
		t.Errorf("a refusal: %v", err)
	}
}

func TestAPIClientSend(t *testing.T) {
	var seen map[string]any
	api := testAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && r.Header.Get("Content-Type") == "application/merge-patch+json" {
			_ = json.NewDecoder(r.Body).Decode(&seen)
		}
	})
	if err := api.Send(t.Context(), http.MethodPatch, "/x", "application/merge-patch+json", document.Document{"a": "b"}); err != nil || seen["a"] != "b" {
		t.Errorf("%v, %v", seen, err)
	}
}

func TestAPIClientWatch(t *testing.T) {
	long := strings.Repeat("x", 1<<17)
	api := testAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}\n{\"a\":\""+long+"\"}\n{}\n")
	})
	count := 0
	err := api.Watch(context.Background(), "/watch", func() { count++ })
	if count != 3 || !errors.Is(err, io.EOF) {
		t.Errorf("%d changes, then %v", count, err)
	}
}

// TestAPIClientPost: what becomes of an object is read, and a client may ask for
// someone else.
func TestAPIClientPost(t *testing.T) {
	api := testAPI(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
		if r.Header.Get("Impersonate-User") != "anna" || strings.Join(r.Header["Impersonate-Group"], " ") != "dev ops" {
			t.Errorf("asked as %v", r.Header)
		}
	})
	var got struct{ A string }
	if err := api.As("anna", []string{"dev", "ops"}).Post(t.Context(), "/x", document.Document{"a": "b"}, &got); err != nil || got.A != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestUnauthorizedEndsTheConnection: a certificate that has ended is not shown again
// by a connection that was made with it.
func TestUnauthorizedEndsTheConnection(t *testing.T) {
	connections := make(chan string, 3)
	status := http.StatusUnauthorized
	api := testAPI(t, func(w http.ResponseWriter, r *http.Request) {
		connections <- r.RemoteAddr
		w.WriteHeader(status)
		io.WriteString(w, `{"message":"Unauthorized"}`) //nolint:errcheck // the client tells
	})
	if err := api.Get(t.Context(), "/x", nil); !HasStatus(err, http.StatusUnauthorized) {
		t.Errorf("got %v", err)
	}
	status = http.StatusForbidden
	for range 2 {
		if err := api.Get(t.Context(), "/x", nil); !HasStatus(err, http.StatusForbidden) {
			t.Errorf("got %v", err)
		}
	}
	first, second, third := <-connections, <-connections, <-connections
	if first == second || second != third {
		t.Errorf("connections %s, %s, %s", first, second, third)
	}
}
