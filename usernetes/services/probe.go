package services

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// A Probe is how a part of the node is asked whether it works. Its address is
// one of the node's namespaces. Source: the Kubernetes API reference, core/v1
// Probe.
type Probe struct {
	Scheme  string // http, https, or tcp for one that only has to take a connection
	Address string // address and port
	Path    string // with its query
	Header  http.Header
}

// readinessOf takes the probe of a component from its manifest: of readiness,
// of the start, or of life, whichever there is first. known is false for a
// component that can't be asked from outside.
func readinessOf(m staticpod.Manifest, n node.Node) (p Probe, known bool) {
	container, err := m.Container()
	if err != nil {
		return Probe{}, false
	}
	for _, key := range []string{"readinessProbe", "startupProbe", "livenessProbe"} {
		asked, _ := container[key].(document.Document)
		if action, ok := asked["httpGet"].(document.Document); ok {
			return httpProbe(action, container, n), true
		}
		if action, ok := asked["tcpSocket"].(document.Document); ok {
			return Probe{Scheme: "tcp", Address: probeAddress(action, container, n)}, true
		}
	}
	return Probe{}, false
}

func httpProbe(action, container document.Document, n node.Node) Probe {
	text := func(key, absent string) string {
		if value, ok := action[key].(string); ok {
			return value
		}
		return absent
	}
	p := Probe{
		Scheme: strings.ToLower(text("scheme", "HTTP")), Address: probeAddress(action, container, n),
		Path: "/" + strings.TrimPrefix(text("path", "/"), "/"), Header: http.Header{},
	}
	headers, _ := action["httpHeaders"].([]any)
	for _, header := range headers {
		if h, ok := header.(document.Document); ok {
			p.Header.Add(fmt.Sprint(h["name"]), fmt.Sprint(h["value"]))
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
