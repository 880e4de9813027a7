package kubeapi

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// apiTimeout is how long one answer of the API may take to begin, and
// dialTimeout how long it may take to get through to one: a name may stand for
// several control planes, of which one is gone.
const (
	Timeout     = 15 * time.Second
	dialTimeout = 6 * time.Second
)

// A Client asks a cluster's API over HTTPS, by a kubeconfig of the node.
// It works outside of the namespaces too.
type Client struct {
	http   *http.Client
	Server string // an https URL
	as     http.Header
}

// NewClient makes a client by the kubeconfig that the node sees at path.
// A client certificate in a file of its own is read for every connection,
// for the kubelet renews it.
func NewClient(path string) (*Client, error) { return NewClientOf(node.StatePath(path)) }

// ClientOf makes a client of one that has an identity and trusts the server, an
// https URL.
func ClientOf(identity *http.Client, server string) *Client {
	return &Client{http: identity, Server: server}
}

// As returns a client by which a user with groups asks, as far as the client's own
// identity may speak for them. Source: the Kubernetes documentation,
// "Authenticating", user impersonation.
func (c *Client) As(user string, groups []string) *Client {
	return &Client{c.http, c.Server, http.Header{"Impersonate-User": {user}, "Impersonate-Group": groups}}
}

// NewClientOf makes a client by a kubeconfig outside of the namespaces.
func NewClientOf(path string) (*Client, error) {
	data, err := host.ReadFile(path)
	if err != nil {
		return nil, message.Errorf("querying the cluster: %w", err)
	}
	access, files, err := readKubeconfig(data)
	if err != nil {
		return nil, message.Errorf("querying the cluster: reading %q: %w", path, err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(access.CA)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{
			RootCAs: pool, MinVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return access.pair(files) },
		},
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: Timeout, IdleConnTimeout: time.Minute,
	}
	return ClientOf(&http.Client{Transport: transport}, strings.TrimSuffix(access.Server, "/")), nil
}

// Get reads the object or list at a path of the API.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	response, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	return decode(response, into)
}

// maxText is how many bytes of a text are read at most: an apiserver's metrics have some
// MiB.
const maxText = 64 << 20

// Text reads what is not JSON.
func (c *Client) Text(ctx context.Context, path string) ([]byte, error) {
	response, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(response.Body, maxText))
	if err != nil {
		return nil, message.Errorf("reading the cluster's answer about %s: %w", path, err)
	}
	return data, nil
}

// Post makes an object, and reads what has become of it.
func (c *Client) Post(ctx context.Context, path string, object, into any) error {
	data, err := json.Marshal(object)
	if err != nil {
		return message.Errorf("querying the cluster: %w", err)
	}
	response, err := c.do(ctx, http.MethodPost, path, "application/json", data)
	if err != nil {
		return err
	}
	return decode(response, into)
}

func decode(response *http.Response, into any) error {
	defer response.Body.Close() //nolint:errcheck // read only
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return message.Errorf("reading the cluster's answer about %s: %w", response.Request.URL.Path, err)
	}
	return nil
}

// Node reads a Node by its name.
func (c *Client) Node(ctx context.Context, name string) (n ClusterNode, err error) {
	err = c.Get(ctx, "/api/v1/nodes/"+name, &n)
	return n, err
}

// ControlPlanes lists the Nodes of control planes, by the label that kubeadm gives them.
func (c *Client) ControlPlanes(ctx context.Context) ([]ClusterNode, error) {
	var list struct{ Items []ClusterNode }
	err := c.Get(ctx, "/api/v1/nodes?labelSelector="+url.QueryEscape(ControlPlaneLabel), &list)
	return list.Items, err
}

// Nodes lists the Nodes.
func (c *Client) Nodes(ctx context.Context) ([]ClusterNode, error) {
	var list struct{ Items []ClusterNode }
	err := c.Get(ctx, "/api/v1/nodes", &list)
	return list.Items, err
}

// Delete deletes an object, which may be gone already.
func (c *Client) Delete(ctx context.Context, path string) error {
	err := c.Send(ctx, http.MethodDelete, path, "", nil)
	if HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// Warn puts an event on an object, in the name of a node. Those on what is in no
// namespace are in that of the kubelet's.
// Source: the Kubernetes API reference, core/v1 Event.
func (c *Client) Warn(ctx context.Context, o Object, nodeName, reason, text string) error {
	return c.warn(ctx, o, document.Document{"generateName": o.Name + "."}, nodeName, reason, text)
}

// WarnOnce is Warn, but for what the node has warned of for the same reason already, as
// long as the cluster keeps that event: its name is made of what it is about.
func (c *Client) WarnOnce(ctx context.Context, o Object, nodeName, reason, text string) error {
	sum := sha256.Sum256([]byte(o.UID + " " + nodeName + " " + reason))
	err := c.warn(ctx, o, document.Document{"name": fmt.Sprintf("%s.%x", o.Name, sum[:8])}, nodeName, reason, text)
	if HasStatus(err, http.StatusConflict) {
		return nil
	}
	return err
}

func (c *Client) warn(ctx context.Context, o Object, metadata document.Document, nodeName, reason, text string) error {
	now, namespace := time.Now().UTC().Format(time.RFC3339), cmp.Or(o.Namespace, "default")
	metadata["namespace"] = namespace
	return c.Send(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/events", "application/json", document.Document{
		"apiVersion": "v1", "kind": "Event", "metadata": metadata,
		"involvedObject": document.Document{"apiVersion": o.version(), "kind": o.Kind, "namespace": o.Namespace, "name": o.Name, "uid": o.UID},
		"type":           "Warning", "reason": reason, "source": document.Document{"component": "podsec-k8s", "host": nodeName},
		"message": text, "firstTimestamp": now, "lastTimestamp": now, "count": 1,
	})
}

// Send sends an object, as JSON or as a patch of that content type.
func (c *Client) Send(ctx context.Context, method, path, contentType string, object any) error {
	data, err := json.Marshal(object)
	if err != nil {
		return message.Errorf("querying the cluster: %w", err)
	}
	response, err := c.do(ctx, method, path, contentType, data)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// Watch calls changed for every change of what is at path, and once for each
// object that is there at first, until the cluster ends the answer.
// Source: the Kubernetes documentation, "API Concepts", watch.
func (c *Client) Watch(ctx context.Context, path string, changed func()) error {
	response, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	lines := bufio.NewReader(response.Body)
	for {
		if err := skipLine(lines); err != nil {
			return message.Errorf("watching %s: %w", path, err)
		}
		changed()
	}
}

// skipLine reads to the end of a line of any length.
func skipLine(r *bufio.Reader) error {
	for {
		_, err := r.ReadSlice('\n')
		if err != bufio.ErrBufferFull { //nolint:errorlint // ReadSlice returns it bare
			return err
		}
	}
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.Server+path, bytes.NewReader(body))
	if err != nil {
		return nil, message.Errorf("querying the cluster: %w", err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Accept", "application/json")
	maps.Copy(request.Header, c.as)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, message.Errorf("querying the cluster: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, refusedBy(response)
	}
	return response, nil
}

// An Error is the API's refusal.
type Error struct {
	Status  int // of HTTP
	path    string
	message string
}

func (e *Error) Error() string { return e.Say().String() }

// Say is Error in any language.
func (e *Error) Say() message.Text {
	return message.Of("the cluster answered %s with status %d: %s", e.path, e.Status, e.message)
}

// HasStatus reports whether the API's refusal has a status of HTTP.
func HasStatus(err error, status int) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == status
}

// refusedBy reads why the API did not do as it was asked.
func refusedBy(response *http.Response) error {
	defer response.Body.Close() //nolint:errcheck // read only
	if response.StatusCode == http.StatusUnauthorized {
		// Its certificate has ended. What is not read to its end goes with its
		// connection: the next one shows the certificate of then.
		return &Error{response.StatusCode, response.Request.URL.Path, http.StatusText(response.StatusCode)}
	}
	var status struct{ Message string }
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err == nil {
		err = json.Unmarshal(text, &status)
	}
	if err != nil || status.Message == "" {
		status.Message = http.StatusText(response.StatusCode)
	}
	return &Error{response.StatusCode, response.Request.URL.Path, status.Message}
}
