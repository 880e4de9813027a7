package deps

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

// siteOf is the site of a test server.
func siteOf(t *testing.T, handler http.HandlerFunc) site {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return newSite(base)
}

// TestPace: a server that sends a byte now and then is given up, and one that sends
// enough in each interval is not.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name  string
		piece int // bytes in a tenth of an interval
		want  error
	}{{"slow", 1, errTooSlow}, {"quick enough", paceBytes / 5, nil}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				reader, writer := io.Pipe()
				context.AfterFunc(ctx, func() { reader.CloseWithError(ctx.Err()) })
				body := &pacedBody{ReadCloser: reader, ctx: ctx, cancel: cancel}
				go body.watch()
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					for range 40 {
						if _, err := writer.Write(make([]byte, c.piece)); err != nil {
							return
						}
						time.Sleep(paceInterval / 10)
					}
					writer.Close() //nolint:errcheck // it never fails
				}()
				if _, err := io.Copy(io.Discard, body); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				body.Close() //nolint:errcheck // it was only read
				<-ended
			})
		})
	}
}

// TestCancelledRead: the end of the caller's context is its own error.
func TestCancelledRead(t *testing.T) {
	s := siteOf(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	file, err := s.open(ctx, "file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := io.Copy(io.Discard, file); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestRedirects: a server may move files on itself, and not to others.
func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	for _, c := range []struct {
		name, to string
		want     error
	}{{"same host", "/there", nil}, {"another host", other.URL + "/there", errElsewhere}} {
		t.Run(c.name, func(t *testing.T) {
			s := siteOf(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/here" {
					http.Redirect(w, r, c.to, http.StatusFound)
				}
			})
			file, err := s.open(t.Context(), "here")
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err == nil {
				file.Close() //nolint:errcheck // it was not read
			}
		})
	}
}
