// Command static is a web server of one folder: a page that is not there, or was
// moved away, is not found, and no folder is listed.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: static FOLDER")
		os.Exit(2)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT) // the first process of a container has to ask for them
	go func() {
		fmt.Fprintln(os.Stderr, http.ListenAndServe(":80", pages(os.Args[1])))
		os.Exit(1)
	}()
	<-ended
}

// pages serves a folder's files; a path that ends with / is its index.html.
func pages(folder string) http.Handler {
	root, err := os.OpenRoot(folder)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if strings.HasSuffix(r.URL.Path, "/") {
			name = filepath.Join(name, "index.html")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		text, err := root.ReadFile(name)
		switch {
		case errors.Is(err, os.ErrNotExist):
			http.NotFound(w, r)
		case err != nil:
			http.Error(w, err.Error(), http.StatusForbidden)
		default:
			_, _ = w.Write(text) // whoever asked may have gone
		}
	})
}
