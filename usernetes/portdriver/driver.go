package portdriver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	rkport "github.com/rootless-containers/rootlesskit/v3/pkg/port"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Driver opens ports by RootlessKit's API.
// Source: rootlesskit's pkg/api/openapi.yaml, version 1.
type Driver struct {
	Node node.Node
	http *http.Client
}

// New makes the driver of a node. One that has run since before an update of
// podsec-k8s may have RootlessKit's own.
func New(n node.Node) Driver {
	socket := PortsSocket()
	if !host.Exists(socket) {
		socket = filepath.Join(node.RootlessKitDir(), "api.sock")
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return Driver{n, &http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: kubeapi.Timeout}}
}

// List returns the ports that are open.
func (d Driver) List(ctx context.Context) ([]OpenPort, error) {
	data, err := d.do(ctx, http.MethodGet, "", nil)
	if err != nil {
		return nil, message.Errorf("listing open ports: %w", err)
	}
	var all []rkport.Status
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, message.Errorf("listing open ports: %w", err)
	}
	var open []OpenPort
	for _, one := range all {
		open = append(open, OpenPortOf(d.Node, one))
	}
	return open, nil
}

// OpenPortOf is the port that a specification asks for. One without an address
// that can be read is nobody's.
func OpenPortOf(n node.Node, s rkport.Status) OpenPort {
	p := Port{Proto: s.Spec.Proto, Number: s.Spec.ParentPort}
	if address, err := netip.ParseAddr(s.Spec.ParentIP); err == nil && address != n.IP {
		p.Address = address
	}
	return OpenPort{Key: p.Key(), Lead: leadOf(s.Spec), ID: s.ID}
}

func leadOf(s rkport.Spec) string { return net.JoinHostPort(s.ChildIP, strconv.Itoa(s.ChildPort)) }

// spec leads a port to the node's address in the namespaces, where kube-proxy's
// and CRI-O's rules hold for every way in, or to the one that it asks for.
func (d Driver) spec(p Port) rkport.Spec {
	parent, child := p.Address, p.Child
	if !parent.IsValid() {
		parent = d.Node.IP
	}
	if !child.IsValid() {
		child = d.Node.IP
	}
	return rkport.Spec{Proto: p.Proto, ParentIP: parent.String(), ParentPort: p.Number, ChildIP: child.String(), ChildPort: p.TargetPort()}
}

// Lead says where a port is to lead.
func (d Driver) Lead(p Port) string { return leadOf(d.spec(p)) }

// OpenPort opens a port.
func (d Driver) OpenPort(ctx context.Context, p Port) error {
	body, err := json.Marshal(d.spec(p))
	if err != nil {
		return err
	}
	_, err = d.do(ctx, http.MethodPost, "", body)
	return err
}

// ClosePort closes one that List has returned.
func (d Driver) ClosePort(ctx context.Context, p OpenPort) error {
	_, err := d.do(ctx, http.MethodDelete, "/"+strconv.Itoa(p.ID), nil)
	return err
}

func (d Driver) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://rootlesskit/v1/ports"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := d.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = message.Errorf("%s", portRefusal(data))
	}
	return data, err
}

// portRefusal reads RootlessKit's reason, which is plain text or a message
// in JSON.
func portRefusal(data []byte) string {
	var answer struct{ Message string }
	if json.Unmarshal(data, &answer) == nil && answer.Message != "" {
		return answer.Message
	}
	return strings.TrimSpace(string(data))
}
