package status

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/message"
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
				got = p.scheme + " " + p.address + " " + p.path
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestKubeletProbe(t *testing.T) {
	for config, want := range map[string]string{
		"":                            "127.0.0.1:10248",
		"healthzPort: 1":              "127.0.0.1:1",
		"healthzBindAddress: 0.0.0.0": "0.0.0.0:10248",
		"healthzPort: 0":              "",
		"healthzPort: [":              "",
	} {
		got := ""
		if p, known := kubeletProbe([]byte(config)); known {
			got = p.address
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", config, got, want)
		}
	}
}

func TestProbeAsks(t *testing.T) {
	status, text := http.StatusOK, ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Who") != "podsec" || r.URL.RawQuery != "a=b" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "https://")
	p := probe{scheme: "https", address: address, path: "/readyz?a=b", header: http.Header{"X-Who": {"podsec"}}}
	for _, c := range []struct {
		status     int
		text, want string
	}{
		{http.StatusOK, "ok", ""},
		{http.StatusUnauthorized, "who are you", ""},
		{http.StatusInternalServerError, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n", "500 Internal Server Error: [-]etcd failed: reason withheld"},
		{http.StatusServiceUnavailable, " not yet\n", "503 Service Unavailable: not yet"},
	} {
		status, text = c.status, c.text
		err := p.ask(t.Context())
		if (err == nil) != (c.want == "") || err != nil && !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%d: got %v, want %q", c.status, err, c.want)
		}
	}
	if err := (probe{scheme: "tcp", address: address}).ask(t.Context()); err != nil {
		t.Error(err)
	}
	server.Close()
	for _, p := range []probe{p, {scheme: "tcp", address: address}} {
		if err := p.ask(t.Context()); err == nil {
			t.Errorf("%s: nobody listens, and it answers", p.scheme)
		}
	}
}

// TestPrintAnswers: every part that can be asked is asked, and says what is wrong.
func TestPrintAnswers(t *testing.T) {
	m := playMachine(t, "{}")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/livez" {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte("[+]ping ok\n[-]etcd failed\n"))
		}
	}))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":")+1:]
	pod := func(probe string) string { return "spec: {containers: [{name: x, livenessProbe: " + probe + "}]}\n" }
	for path, text := range map[string]string{
		node.StatePath(node.ManifestsDir) + "/kube-apiserver.yaml":          pod("{httpGet: {path: /readyz, port: " + port + "}}"),
		node.StatePath(node.ManifestsDir) + "/kube-scheduler.yaml":          pod("{httpGet: {path: /livez, port: " + port + "}}"),
		node.StatePath(node.ManifestsDir) + "/kube-controller-manager.yaml": pod("{tcpSocket: {port: " + port + "}}"),
		node.StatePath(node.ManifestsDir) + "/etcd.yaml":                    pod("{tcpSocket: {port: 1}}"),
		node.StatePath("/var/lib/kubelet/config.yaml"):                      "healthzPort: 1\n",
		node.ProxyFile: "",
	} {
		roottest.WriteFile(t, path, text)
	}
	answers := map[string]message.Text{}
	if err := json.Unmarshal(stdout(t, func() error { return PrintAnswers(t.Context(), m.node) }), &answers); err != nil {
		t.Fatal(err)
	}
	for unit, want := range map[string]string{
		"u7s-kube-apiserver.service": "answers 500 Internal Server Error: [-]etcd failed", "u7s-etcd.service": "refused",
		"u7s-kubelet.service": "refused", "u7s-kube-proxy.service": "refused",
	} {
		if !strings.Contains(answers[unit].String(), want) {
			t.Errorf("%s: %q, want %q", unit, answers[unit], want)
		}
		delete(answers, unit)
	}
	for unit, answer := range answers {
		if !answer.Empty() {
			t.Errorf("%s: %q", unit, answer)
		}
	}
	if len(answers) != 2 {
		t.Errorf("%q are well", answers)
	}
}

// stdout returns what a function prints.
func stdout(t *testing.T, do func() error) []byte {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	own := os.Stdout
	os.Stdout = file
	err = do()
	os.Stdout = own
	text, errRead := os.ReadFile(file.Name())
	if err := errors.Join(err, errRead, file.Close()); err != nil {
		t.Fatal(err)
	}
	return text
}
