package preflight

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestProxyPasswordStaysUnsaid: a password is in the environment of programs,
// and nowhere else.
func TestProxyPasswordStaysUnsaid(t *testing.T) {
	const secret = "hush"
	load := func(text string) (node.Site, error) {
		file := filepath.Join(t.TempDir(), "a.conf")
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		return node.LoadSite(filepath.Dir(file))
	}
	site, err := load("HTTPS_PROXY=http://u:" + secret + "@127.0.0.1:3128\n")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "url", site.Proxy.HTTPS, "proxy", site.Proxy, "site", site, "facts", Facts{}.WithSite(t.Context(), site))
	fmt.Fprintf(&log, "%v %+v %#v %s", site, site, site, site.Proxy.HTTPS)
	log.WriteString(site.Proxy.Check(node.Node{}, nil).Error())
	for _, text := range []string{"HTTPS_PROXY=" + secret, "HTTPS_PROXY=http://u:" + secret + "@h:x", "HTTPS_PROXY=ftp://u:" + secret + "@h", "HTTPS_PROXY=u:" + secret + "@h:1", "HTTPS_PROXY=http://u:" + secret + "@h:99999", "HTTP_PROXY=http://u:" + secret + "\x01@h"} {
		_, err := load(text + "\n")
		if f := new(host.Fault); !errors.As(err, &f) || f.Remedy.Empty() {
			t.Errorf("%q: no fault with a remedy, but %v", text, err)
			continue
		}
		log.WriteString(err.Error())
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the password is said: %s", log.String())
	}
}
