package images

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

// TestRegistryFault has what skopeo 1.9 to 1.18 says.
func TestRegistryFault(t *testing.T) {
	const image = "r.test:5000/k8s/pause:3.9"
	const ping = `time="2026-11-27T23:04:56Z" level=fatal msg="Error parsing image name \"docker://r.test:5000/k8s/pause:3.9\": pinging container registry r.test:5000: Get \"https://r.test:5000/v2/\": `
	const manifest = `time="2026-11-27T23:04:56Z" level=fatal msg="Error parsing image name \"docker://r.test:5000/k8s/pause:3.9\": reading manifest 3.9 in r.test:5000/k8s/pause: `
	for _, c := range []struct{ name, stderr, cause, remedy string }{
		{"private authority", ping + `tls: failed to verify certificate: x509: certificate signed by unknown authority"`, "pinging container registry r.test:5000", "/etc/containers/certs.d/r.test:5000/ca.crt"},
		{"another name", ping + `x509: certificate is valid for other.test, not r.test"`, "not r.test", "correct the registry's certificate"},
		{"no TLS", ping + `http: server gave HTTP response to HTTPS client"`, "HTTP response", `location = "r.test:5000"`},
		{"no such name", ping + `dial tcp: lookup r.test: no such host"`, "no such host", "/etc/hosts"},
		{"name server that is away", ping + `dial tcp: lookup r.test on 192.0.2.1:53: read udp 192.0.2.2:1->192.0.2.1:53: i/o timeout"`, "i/o timeout", "/etc/hosts"},
		{"nobody there", ping + `dial tcp 192.0.2.1:5000: connect: connection refused"`, "connection refused", "reach r.test:5000"},
		{"no way there", ping + `dial tcp 192.0.2.1:5000: connect: no route to host"`, "no route", "reach r.test:5000"},
		{"proxy that is away", ping + `proxyconnect tcp: dial tcp: lookup proxy.test: no such host"`, "proxyconnect", "HTTPS_PROXY"},
		{"proxy with a login", ping + `Proxy Authentication Required"`, "Authentication Required", "HTTPS_PROXY"},
		{"login", manifest + `unauthorized: authentication required"`, "unauthorized", "skopeo login --authfile /etc/podsec-k8s/auth.json r.test:5000"},
		{"wrong login", `time="…" level=fatal msg="Error parsing image name \"docker://r.test:5000/k8s/pause:3.9\": unable to retrieve auth token: invalid username/password: unauthorized"`, "invalid username", "skopeo login"},
		{"no such image", manifest + `manifest unknown: manifest unknown"`, "manifest unknown", "copy it there"},
		{"no such repository", manifest + `name unknown: Unknown name"`, "name unknown", "docker://" + image},
		{"another architecture", `time="…" level=fatal msg="Error getting image: no image found in manifest list for architecture amd64, variant \"\", OS linux"`, "no image found", "architecture"},
		{"blocked", `time="…" level=fatal msg="Error parsing image name \"docker://r.test:5000/k8s/pause:3.9\": registry r.test:5000 is blocked in /etc/containers/registries.conf or /etc/containers/registries.conf.d"`, "is blocked", "allow it"},
		{"certificate that can't be read", `time="…" level=fatal msg="Error parsing image name \"docker://r.test:5000/k8s/pause:3.9\": open /etc/containers/certs.d/r.test:5000/ca.crt: permission denied"`, "permission denied", "make that file readable by everyone"},
		{"not signed", `time="…" level=fatal msg="Source image rejected: A signature was required, but no signature exists"`, "A signature was required", "sign the image"},
		{"full disk", `time="…" level=fatal msg="writing blob: storing blob to file: write /var/tmp/x: no space left on device"`, "no space left", "free disk space"},
		{"something else", `time="…" level=fatal msg="something else"`, "something else", "skopeo inspect docker://" + image},
		{"no line of a log", "Killed", "Killed", "skopeo inspect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failed := &host.CommandError{Argv: []string{"skopeo"}, Status: 1, Stderr: c.stderr, Err: errors.New("exit status 1")}
			f := RegistryFault(image, SkopeoCause(failed))
			if !strings.Contains(f.Error(), c.cause) || strings.Contains(f.Error(), "level=fatal") || strings.Contains(f.Error(), "Error parsing") {
				t.Errorf("cause %q, want %q", f.Error(), c.cause)
			}
			if !strings.Contains(f.Remedy.String(), c.remedy) {
				t.Errorf("remedy %q, want %q", f.Remedy, c.remedy)
			}
		})
	}
}

func TestRegistryOnThisMachine(t *testing.T) {
	direct := RegistryClient{Node: netip.MustParseAddr("192.0.2.10")}
	proxied := RegistryClient{Node: direct.Node, Env: []string{"HTTPS_PROXY=http://192.0.2.1:3128"}}
	for image, own := range map[string]bool{
		"localhost:5000/pause:3.9":  true,
		"127.0.0.1:5000/pause:3.9":  true,
		"[::1]:5000/pause:3.9":      true,
		"[::1]/pause:3.9":           true,
		"192.0.2.10/pause:3.9":      true,
		"192.0.2.11:5000/pause:3.9": false,
	} {
		for _, c := range []RegistryClient{direct, proxied} {
			err := c.onThisMachine(t.Context(), image)
			if (err != nil) != own {
				t.Errorf("%s: %v", image, err)
			}
			if own && !strings.Contains(err.Error(), "the node itself") {
				t.Errorf("%s: %v", image, err)
			}
		}
	}
	if addresses, err := proxied.lookUp(t.Context(), "r.invalid/pause:3.9"); len(addresses) > 0 || err != nil {
		t.Errorf("a name that the proxy looks up was looked up here: %v, %v", addresses, err)
	}
}

func TestReadAuthFile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		says       string
	}{
		{"good", `{"auths":{"r.test":{"auth":"eDp5"}}}`, 0o640, ""},
		{"helpers alone", `{"credHelpers":{"r.test":"secretservice"}}`, 0o640, ""},
		{"for nothing", `{}`, 0o640, "for any registry"},
		{"no JSON", `user:password`, 0o640, "auth.json"},
		{"for all to read", `{"auths":{"r.test":{}}}`, 0o644, "every user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "auth.json")
			if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil { // whatever the umask is
				t.Fatal(err)
			}
			err := ReadAuthFile(path)
			if (err != nil) != (c.says != "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}
