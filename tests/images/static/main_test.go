package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestPages: a page that was moved away is not found, and a folder is not listed.
func TestPages(t *testing.T) {
	folder := t.TempDir()
	index := filepath.Join(folder, "index.html")
	if err := os.WriteFile(index, []byte("It works!"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := pages(folder)
	for _, c := range []struct {
		path   string
		status int
	}{{"/", 200}, {"/index.html", 200}, {"/nothing", 404}, {"/../etc/passwd", 403}} {
		if got := ask(server, c.path); got != c.status {
			t.Errorf("%s: %d, want %d", c.path, got, c.status)
		}
	}
	if err := os.Remove(index); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/index.html"} {
		if got := ask(server, path); got != 404 {
			t.Errorf("%s without a page: %d", path, got)
		}
	}
}

func ask(server http.Handler, path string) int {
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer.Code
}
