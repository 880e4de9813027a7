// Package played is for tests: it plays a cluster's API.
package played

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// An API answers what it was told to, and with 404 for all else.
type API struct {
	URL string

	server  *httptest.Server
	access  kubeapi.Access
	mutex   sync.Mutex
	objects map[string]any // by path
	refuses map[string]int // HTTP status, by method and path
	answers map[string]func(Sent) any
	sent    []Sent
}

// A Sent is a request that was to change something.
type Sent struct {
	Call string // method and path
	Body map[string]any
	As   string // whom it is sent for, where that is another user
}

// Start plays an API until the test has ended.
func Start(t testing.TB) *API {
	t.Helper()
	a := &API{objects: map[string]any{}, refuses: map[string]int{}, answers: map[string]func(Sent) any{}}
	a.server = httptest.NewTLSServer(http.HandlerFunc(a.answer))
	t.Cleanup(func() {
		a.server.CloseClientConnections()
		a.server.Close()
	})
	a.URL = a.server.URL
	cert, key := identity(t)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw})
	a.access = kubeapi.Access{Server: a.URL, CA: ca, Cert: cert, Key: key}
	return a
}

// identity makes a certificate that a client can show, and its key.
func identity(t testing.TB) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text})
}

// Access is how a client gets to the API.
func (a *API) Access() kubeapi.Access { return a.access }

// Client asks the API.
func (a *API) Client() *kubeapi.Client { return kubeapi.ClientOf(a.server.Client(), a.URL) }

// WriteKubeconfig writes a kubeconfig of the API to files.
func (a *API) WriteKubeconfig(t testing.TB, paths ...string) {
	t.Helper()
	data, err := a.access.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if err := host.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := host.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Has puts an object at a path, as JSON or as what becomes JSON; nil takes it away.
func (a *API) Has(path string, object any) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if text, ok := object.(string); ok {
		object = json.RawMessage(text)
	}
	a.objects[path] = object
}

// Refuses answers a call, such as "GET /api/v1/nodes", with a status of HTTP; 0
// ends that.
func (a *API) Refuses(call string, status int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.refuses[call] = status
}

// Answers answers a call that is to change something by what a function makes of it.
func (a *API) Answers(call string, answer func(Sent) any) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.answers[call] = answer
}

// Sent lists what was to be changed so far.
func (a *API) Sent() []Sent {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return slices.Clone(a.sent)
}

func (a *API) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") != "" {
		io.WriteString(w, "{}\n")             //nolint:errcheck // the client tells
		http.NewResponseController(w).Flush() //nolint:errcheck // the same
		<-r.Context().Done()
		return
	}
	one := Sent{Call: r.Method + " " + r.URL.Path, As: r.Header.Get("Impersonate-User")}
	object, status, answer := a.look(&one, r)
	switch {
	case status != 0:
	case answer != nil:
		object = answer(one)
	case r.Method != http.MethodGet:
		object = struct{}{}
	case object == nil:
		status = http.StatusNotFound
	}
	if status != 0 {
		w.WriteHeader(status)
		object = map[string]string{"message": "played: " + http.StatusText(status)}
	}
	json.NewEncoder(w).Encode(object) //nolint:errcheck // the client tells
}

// look finds what a call is answered with, and notes it.
func (a *API) look(one *Sent, r *http.Request) (object any, status int, answer func(Sent) any) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if r.Method != http.MethodGet {
		json.NewDecoder(r.Body).Decode(&one.Body) //nolint:errcheck // it may have none
		a.sent = append(a.sent, *one)
	}
	return a.objects[r.URL.Path], a.refuses[one.Call], a.answers[one.Call]
}
