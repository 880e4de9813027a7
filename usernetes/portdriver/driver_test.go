package portdriver

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	rkport "github.com/rootless-containers/rootlesskit/v3/pkg/port"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func testNode(mode string) node.Node {
	return node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), APIPort: 6443, Network: mode}
}

// A playedRootlessKit has RootlessKit's API of ports.
type playedRootlessKit struct {
	mutex sync.Mutex
	next  int
	open  map[int]rkport.Spec
}

// playRootlessKit plays the driver of a node until the test has ended; RootlessKit's
// own, of a node that was started before an update.
func playRootlessKit(t *testing.T, before bool) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rk") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // the test has ended
	t.Setenv("XDG_RUNTIME_DIR", dir)
	socket := PortsSocket()
	if before {
		socket = node.RootlessKitDir() + "/api.sock"
	}
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: &playedRootlessKit{open: map[int]rkport.Spec{}}} //nolint:gosec // a test's
	go server.Serve(listener)                                                        //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() })                                             //nolint:errcheck // the same
}

// ServeHTTP answers as RootlessKit does. Port 99 it refuses in plain text, 98 in
// JSON.
func (p *playedRootlessKit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch id, _ := strconv.Atoi(filepath.Base(r.URL.Path)); r.Method {
	case http.MethodGet:
		all := []rkport.Status{}
		for id, spec := range p.open {
			all = append(all, rkport.Status{ID: id, Spec: spec})
		}
		json.NewEncoder(w).Encode(all) //nolint:errcheck // the client tells
	case http.MethodDelete:
		if _, ok := p.open[id]; !ok {
			w.WriteHeader(http.StatusBadRequest)
		}
		delete(p.open, id)
	case http.MethodPost:
		var spec rkport.Spec
		json.NewDecoder(r.Body).Decode(&spec) //nolint:errcheck // it is looked at
		if answer := map[int]string{99: " permission denied\n", 98: `{"message":"address already in use"}`}[spec.ParentPort]; answer != "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, answer) //nolint:errcheck // the client tells
			return
		}
		p.next++
		p.open[p.next] = spec
	}
}

// keys are those of ports, in order.
func keys(open []OpenPort) (all []string) {
	for _, p := range open {
		all = append(all, p.Key+" to "+p.Lead)
	}
	slices.Sort(all)
	return all
}

// TestDriver: what is opened is listed, and what is closed no more. It leads to
// the node's own address, or to the one that it asks for.
func TestDriver(t *testing.T) {
	for _, before := range []bool{false, true} {
		playRootlessKit(t, before)
		d := NewOpener(testNode(node.SlirpMode))
		ports := []Port{
			{Proto: "tcp", Number: 30080},
			{Proto: "udp", Number: 53, Target: 30053},
			{Proto: "tcp", Number: 80, Address: netip.MustParseAddr("198.51.100.7"), Child: netip.MustParseAddr("10.244.0.9"), Target: 8080},
		}
		for _, p := range ports {
			if err := d.OpenPort(t.Context(), p); err != nil {
				t.Errorf("%s: %v", p.Key(), err)
			}
		}
		open, err := d.List(t.Context())
		want := []string{"198.51.100.7:80/tcp to 10.244.0.9:8080", "30080/tcp to 192.0.2.10:30080", "53/udp to 192.0.2.10:30053"}
		if err != nil || !slices.Equal(keys(open), want) {
			t.Errorf("before %v: %q, %v", before, keys(open), err)
		}
		for _, p := range ports {
			if at := slices.IndexFunc(open, func(o OpenPort) bool { return o.Key == p.Key() }); open[at].Lead != d.Lead(p) {
				t.Errorf("%s leads to %s, not to %s", p.Key(), open[at].Lead, d.Lead(p))
			}
		}
		for _, p := range open {
			if err := d.ClosePort(t.Context(), p); err != nil {
				t.Error(err)
			}
			if err := d.ClosePort(t.Context(), p); err == nil {
				t.Error("a port was closed twice")
			}
		}
		if open, err := d.List(t.Context()); err != nil || len(open) > 0 {
			t.Errorf("left: %v, %v", open, err)
		}
	}
}

// TestDriverRefuses: the reason is RootlessKit's own.
func TestDriverRefuses(t *testing.T) {
	playRootlessKit(t, false)
	d := New(testNode(node.SlirpMode))
	for port, want := range map[int]string{99: "permission denied", 98: "address already in use"} {
		if err := d.OpenPort(t.Context(), Port{Proto: "tcp", Number: port}); err == nil || err.Error() != want {
			t.Errorf("%d: %v", port, err)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := New(testNode(node.SlirpMode)).List(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "listing open ports: ") {
		t.Errorf("without RootlessKit: %v", err)
	}
}
