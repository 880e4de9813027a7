package status

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
)

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
	p := services.Probe{Scheme: "https", Address: address, Path: "/readyz?a=b", Header: http.Header{"X-Who": {"podsec"}}}
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
		err := ask(t.Context(), p)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%d: got %v, want %q", c.status, err, c.want)
		}
	}
	if err := ask(t.Context(), services.Probe{Scheme: "tcp", Address: address}); err != nil {
		t.Error(err)
	}
	server.Close()
	for _, p := range []services.Probe{p, {Scheme: "tcp", Address: address}} {
		if err := ask(t.Context(), p); err == nil {
			t.Errorf("%s: nobody listens, and it answers", p.Scheme)
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
