package usernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
)

// A portOpener opens ports of the host that lead into the namespaces.
type portOpener interface {
	list(ctx context.Context) ([]openPort, error)
	openPort(ctx context.Context, n Node, p port) error
	closePort(ctx context.Context, p openPort) error
}

// newPortOpener gives that of the node's network mode.
func newPortOpener(n Node) portOpener {
	if n.mode() == VethMode {
		return &vethPorts{}
	}
	return newPortDriver(n)
}

// A portDriver opens ports by RootlessKit's API.
// Source: rootlesskit's pkg/api/openapi.yaml, version 1.
type portDriver struct{ http *http.Client }

// An openPort is one that RootlessKit has open.
type openPort struct {
	ID   int `json:"id"`
	Spec portSpec
}

type portSpec struct {
	Proto      string `json:"proto"`
	ParentIP   string `json:"parentIP"`
	ParentPort int    `json:"parentPort"`
	ChildIP    string `json:"childIP"`
	ChildPort  int    `json:"childPort"`
}

func (p openPort) key() string { return fmt.Sprintf("%d/%s", p.Spec.ParentPort, p.Spec.Proto) }

func newPortDriver(n Node) portDriver {
	socket := filepath.Join(rootlessKitDir(), "api.sock")
	if n.mode() == pastaMode {
		socket = portsSocket()
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return portDriver{&http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: apiTimeout}}
}

func (d portDriver) list(ctx context.Context) ([]openPort, error) {
	data, err := d.do(ctx, http.MethodGet, "", nil)
	if err != nil {
		return nil, fmt.Errorf("listing open ports: %w", err)
	}
	var all []openPort
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("listing open ports: %w", err)
	}
	return all, nil
}

// open opens a port of the node's address that leads to the same address in
// the namespaces: there kube-proxy's rules for it hold, over UDP too.
func (d portDriver) openPort(ctx context.Context, n Node, p port) error {
	ip := n.IP.String()
	body, err := json.Marshal(portSpec{Proto: p.Proto, ParentIP: ip, ParentPort: p.Number, ChildIP: ip, ChildPort: p.target()})
	if err != nil {
		return err
	}
	_, err = d.do(ctx, http.MethodPost, "", body)
	return err
}

func (d portDriver) closePort(ctx context.Context, p openPort) error {
	_, err := d.do(ctx, http.MethodDelete, "/"+strconv.Itoa(p.ID), nil)
	return err
}

func (d portDriver) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
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
		err = fmt.Errorf("%s", portRefusal(data))
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
