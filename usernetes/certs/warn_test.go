package certs

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestWarn: what ends soon is in the journal and on the Node; of a node whose
// certificates are good nothing is said.
func TestWarn(t *testing.T) {
	roottest.Empty(t, "/var/lib")
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	api := played.Start(t)
	api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	n := node.Node{Name: "m1"}
	writeAuthority(t, time.Now().Add(1000*day))
	if err := Warn(t.Context(), n); err != nil || log.Len() != 0 || len(api.Sent()) != 0 {
		t.Errorf("of good ones: %v, %s, %v", err, log.String(), api.Sent())
	}
	writeAuthority(t, time.Now().Add(10*day))
	if err := Warn(t.Context(), n); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "1 certificate expires on") {
		t.Errorf("the journal has %s", log.String())
	}
	sent := api.Sent()
	if len(sent) != 1 || sent[0].Call != "POST /api/v1/namespaces/default/events" {
		t.Fatalf("sent: %v", sent)
	}
	for _, want := range []string{"CertificateExpiresSoon", "Warning", "kind:Node name:m1", "expires on"} {
		if !strings.Contains(fmt.Sprint(sent[0].Body), want) {
			t.Errorf("the event lacks %q: %v", want, sent[0].Body)
		}
	}
}
