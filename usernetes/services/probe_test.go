package services

import (
	"net/netip"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

func TestReadinessOf(t *testing.T) {
	n := node.Node{IP: netip.MustParseAddr("192.0.2.10")}
	for _, c := range []struct {
		name, container string
		want            string // scheme, address and path; "" when it can't be asked
	}{
		{"apiserver of 1.26", `
    livenessProbe: {httpGet: {host: 192.0.2.10, path: /livez, port: 6443, scheme: HTTPS}}
    readinessProbe: {httpGet: {host: 192.0.2.10, path: /readyz, port: 6443, scheme: HTTPS}}`, "https 192.0.2.10:6443 /readyz"},
		{"etcd of 1.26", `
    livenessProbe: {httpGet: {host: 127.0.0.1, path: "/health?exclude=NOSPACE&serializable=true", port: 2381, scheme: HTTP}}
    startupProbe: {httpGet: {host: 127.0.0.1, path: "/health?serializable=false", port: 2381, scheme: HTTP}}`, "http 127.0.0.1:2381 /health?serializable=false"},
		{"a port with a name, as 1.34 has it", `
    ports: [{containerPort: 10257, name: probe-port, protocol: TCP}]
    livenessProbe: {httpGet: {host: 127.0.0.1, path: /healthz, port: probe-port, scheme: HTTPS}}`, "https 127.0.0.1:10257 /healthz"},
		{"no host, scheme or slash", `
    readinessProbe: {httpGet: {path: ready, port: 80}}`, "http 192.0.2.10:80 /ready"},
		{"a connection", `
    readinessProbe: {tcpSocket: {port: 2379}}`, "tcp 192.0.2.10:2379 "},
		{"a program", `
    readinessProbe: {exec: {command: [true]}}`, ""},
		{"a program, and life over HTTP", `
    readinessProbe: {exec: {command: [true]}}
    livenessProbe: {httpGet: {path: /, port: 81}}`, "http 192.0.2.10:81 /"},
		{"none", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := staticpod.ParseManifest("x", []byte("spec:\n  containers:\n  - name: x"+c.container+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if p, known := readinessOf(m, n); known {
				got = p.Scheme + " " + p.Address + " " + p.Path
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
