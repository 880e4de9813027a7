package deps

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A server may be slow, but not so slow that nobody could wait for it.
const (
	answerTimeout = 30 * time.Second // until an answer begins
	paceInterval  = 20 * time.Second // over which the pace is measured
	paceBytes     = 20 << 10         // least bytes in that time
	maxRedirects  = 5
)

var (
	errTooSlow   = message.Errorf("the server sends less than %d KiB in %s", paceBytes>>10, paceInterval)
	errElsewhere = message.New("the server redirects to another host")
)

// A site is a place that is reached by HTTP.
type site struct {
	base   *url.URL
	client *http.Client
}

func newSite(base *url.URL) site {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTimeout
	return site{base: base, client: &http.Client{Transport: transport, CheckRedirect: sameHost}}
}

// sameHost keeps a server from sending us to others, which a repository's
// administrator has not named.
func sameHost(request *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return message.Errorf("more than %d redirects", maxRedirects)
	case request.URL.Host != first.Host:
		return message.Errorf("%w: %.80q", errElsewhere, request.URL.Host)
	case first.Scheme == "https" && request.URL.Scheme != "https":
		return message.New("the server redirects from https to http")
	default:
		return nil
	}
}

func (s site) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s site) open(ctx context.Context, name string) (io.ReadCloser, error) {
	if !filepath.IsLocal(name) {
		return nil, message.Errorf("%q is outside the repository", name)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	answer, err := s.get(ctx, name)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	body := &pacedBody{ReadCloser: answer.Body, ctx: ctx, cancel: cancel}
	go body.watch()
	return bounded(body, maxFileSize), nil
}

func (s site) get(ctx context.Context, name string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.JoinPath(name).String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "identity") // digests are of the files as they lie there
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return answer, nil
	case http.StatusNotFound, http.StatusGone:
		err = fs.ErrNotExist
	default:
		err = message.Errorf("the server answered %q", answer.Status)
	}
	return nil, errors.Join(message.Errorf("%s: %w", request.URL.Redacted(), err), answer.Body.Close())
}

func (s site) packages() ([]string, error) {
	return nil, message.Errorf("%s: it has no repodata/repomd.xml", s.base.Redacted())
}

// A pacedBody is an answer that is given up when it comes too slowly.
type pacedBody struct {
	io.ReadCloser
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	read   atomic.Int64 // bytes, since the pace was last looked at
}

// watch looks at the pace until the answer is closed.
func (b *pacedBody) watch() {
	ticker := time.NewTicker(paceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-ticker.C:
			if b.read.Swap(0) < paceBytes {
				b.cancel(errTooSlow)
				return
			}
		}
	}
}

// Read counts, and returns why the answer was given up.
func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

// Close ends the request.
func (b *pacedBody) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}
