package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// A Proxy is the only way out of the nodes' network. It plays a registry that
// nobody else knows, with the image web:1, and passes nothing else on.
type Proxy struct {
	URL      string // without the user
	User     string // NAME:PASSWORD
	Registry string

	hub  hub
	unit string // of systemd, in the hub
}

// StartProxy starts one at a TCP port of its own on the machine that all nodes
// have their bridge on. It ends with Stop, or with the last node.
func StartProxy(ctx context.Context, g generation.Generation, port int) (Proxy, error) {
	h, err := findHub()
	if err != nil {
		return Proxy{}, err
	}
	parts, err := Prepare(ctx, g)
	if err != nil {
		return Proxy{}, err
	}
	p := Proxy{
		URL: fmt.Sprintf("http://%s:%d", gateway, port), User: "squid:h%40sh", Registry: "registry.only-by-proxy.example",
		hub: h, unit: fmt.Sprintf("proxy-%d", port),
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", filepath.Join(runDir(), p.unit), "./proxy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("building the proxy: %w\n%s", err, out)
	}
	return p, h.run(ctx, "systemd-run", "--quiet", "--collect", "--unit="+p.unit, "--property=StandardOutput=append:"+p.log(),
		"/lab/"+p.unit, "--listen="+strings.TrimPrefix(p.URL, "http://"), "--registry="+p.Registry, "--user=squid:h@sh",
		"--archive="+filepath.Join(parts.Images, "web.tar"))
}

// Stop ends it, and its log is gone.
func (p Proxy) Stop(ctx context.Context) error {
	return p.hub.run(ctx, "sh", "-c", "systemctl stop "+p.unit+"; rm "+p.log())
}

// log is the file in the hub that has a line for each request.
func (p Proxy) log() string { return "/lab/" + p.unit + ".log" }

// Setting is the proxy's URL with its user, as settings of a site have it.
func (p Proxy) Setting() string { return strings.Replace(p.URL, "://", "://"+p.User+"@", 1) }

// Requests returns what has reached the proxy, a line for each request.
func (p Proxy) Requests(ctx context.Context) (string, error) {
	return p.hub.output(ctx, "cat", p.log())
}
