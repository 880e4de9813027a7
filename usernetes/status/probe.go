package status

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// answersTimeout bounds the questions to all parts of the node.
const answersTimeout = 2 * wait.ProbeTimeout

// A probe is how a part of the node is asked whether it works. Its address is
// one of the node's namespaces. Source: the Kubernetes API reference, core/v1
// Probe.
type probe struct {
	scheme  string // http, https, or tcp for one that only has to take a connection
	address string // address and port
	path    string // with its query
	header  http.Header
}

// readinessOf takes the probe of a component from its manifest: of readiness,
// of the start, or of life, whichever there is first. known is false for a
// component that can't be asked from outside.
func readinessOf(m staticpod.Manifest, n node.Node) (p probe, known bool) {
	container, err := m.Container()
	if err != nil {
		return probe{}, false
	}
	for _, key := range []string{"readinessProbe", "startupProbe", "livenessProbe"} {
		asked, _ := container[key].(document.Document)
		if action, ok := asked["httpGet"].(document.Document); ok {
			return httpProbe(action, container, n), true
		}
		if action, ok := asked["tcpSocket"].(document.Document); ok {
			return probe{scheme: "tcp", address: probeAddress(action, container, n)}, true
		}
	}
	return probe{}, false
}

func httpProbe(action, container document.Document, n node.Node) probe {
	text := func(key, absent string) string {
		if value, ok := action[key].(string); ok {
			return value
		}
		return absent
	}
	p := probe{
		scheme: strings.ToLower(text("scheme", "HTTP")), address: probeAddress(action, container, n),
		path: "/" + strings.TrimPrefix(text("path", "/"), "/"), header: http.Header{},
	}
	headers, _ := action["httpHeaders"].([]any)
	for _, header := range headers {
		if h, ok := header.(document.Document); ok {
			p.header.Add(fmt.Sprint(h["name"]), fmt.Sprint(h["value"]))
		}
	}
	return p
}

// probeAddress returns the address of an action: without a host it is the pod's,
// which is the node's own. A port may be the name of one of the container's.
func probeAddress(action, container document.Document, n node.Node) string {
	host, _ := action["host"].(string)
	port := fmt.Sprint(action["port"])
	ports, _ := container["ports"].([]any)
	for _, one := range ports {
		if p, ok := one.(document.Document); ok && p["name"] == port {
			port = fmt.Sprint(p["containerPort"])
		}
	}
	return net.JoinHostPort(cmp.Or(host, n.IP.String()), port)
}

// probes lists how the parts of this node can be asked, by their units.
// Source: the default ports in the references of KubeletConfiguration and
// KubeProxyConfiguration.
func probes(n node.Node) map[string]probe {
	all := map[string]probe{}
	for _, name := range staticpod.Components() {
		if m, err := staticpod.ReadManifest(name); err == nil {
			if p, known := readinessOf(m, n); known {
				all[units.Component(name)] = p
			}
		}
	}
	if data, err := host.ReadFile(node.StatePath("/var/lib/kubelet/config.yaml")); err == nil {
		if p, known := kubeletProbe(data); known {
			all[units.Kubelet] = p
		}
	}
	if host.Exists(node.ProxyFile) {
		all[units.KubeProxy] = probe{scheme: "http", address: "127.0.0.1:10256", path: "/healthz"}
	}
	return all
}

// kubeletProbe reads where a kubelet answers; port 0 is nowhere.
func kubeletProbe(config []byte) (probe, bool) {
	settings := struct {
		Address string `yaml:"healthzBindAddress"`
		Port    *int   `yaml:"healthzPort"`
	}{Address: "127.0.0.1"}
	if err := yaml.Unmarshal(config, &settings); err != nil {
		return probe{}, false
	}
	port := 10248
	if settings.Port != nil {
		port = *settings.Port
	}
	return probe{scheme: "http", address: net.JoinHostPort(settings.Address, strconv.Itoa(port)), path: "/healthz"}, port != 0
}

// ask returns why a part does not answer, or nil. As for a kubelet, who
// answers is not proved; one that wants a name first does work.
func (p probe) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wait.ProbeTimeout)
	defer cancel()
	if p.scheme == "tcp" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.scheme+"://"+p.address+p.path, nil)
	if err != nil {
		return err
	}
	request.Header = p.header.Clone()
	insecure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // nothing secret is sent, and only the status is read
	client := http.Client{Transport: &http.Transport{TLSClientConfig: insecure, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<12))
	switch {
	case response.StatusCode < http.StatusBadRequest, response.StatusCode == http.StatusUnauthorized:
		return nil
	default:
		return message.Errorf("%s answers %s: %s", request.URL, response.Status, failedChecks(string(text)))
	}
}

// failedChecks picks, of an answer that lists checks, those that failed.
// Source: the Kubernetes documentation, "Kubernetes API health endpoints".
func failedChecks(text string) string {
	var failed []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[-]") {
			failed = append(failed, strings.TrimSpace(line))
		}
	}
	if len(failed) == 0 {
		return strings.TrimSpace(text)
	}
	return strings.Join(failed, ", ")
}

// PrintAnswers asks every part of the node that can be asked, and prints what
// keeps each from working, nothing when nothing does, by its unit, as JSON. It runs
// in the node, where the parts listen.
func PrintAnswers(ctx context.Context, n node.Node) error {
	var (
		lock sync.Mutex
		all  sync.WaitGroup
	)
	answers := map[string]message.Text{}
	for unit, p := range probes(n) {
		all.Go(func() {
			text := message.OfError(p.ask(ctx))
			lock.Lock()
			defer lock.Unlock()
			answers[unit] = text
		})
	}
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(answers)
}

// askParts has printAnswers run in the node.
func askParts(ctx context.Context) (answers map[string]message.Text, err error) {
	ctx, cancel := context.WithTimeout(ctx, answersTimeout)
	defer cancel()
	cmd, err := namespace.InNode(namespace.Program{Name: node.Self, Args: []string{"unit", "answers"}})
	if err != nil {
		return nil, err
	}
	out, err := cmd.Output(ctx)
	if err != nil {
		return nil, message.Errorf("asking the node's parts: %w", err)
	}
	if err := json.Unmarshal(out, &answers); err != nil {
		return nil, message.New("asking the node's parts: they gave no answer")
	}
	return answers, nil
}
