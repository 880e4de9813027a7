package audit

import (
	"fmt"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func cluster(t *testing.T, text string) document.Document {
	t.Helper()
	docs, err := document.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return docs[0]
}

// TestLay: a setting takes the place of the one before, in either form of kubeadm's
// configuration, and what else there is stays.
func TestLay(t *testing.T) {
	for _, text := range []string{
		"{apiVersion: kubeadm.k8s.io/v1beta3, apiServer: {extraArgs: {v: \"4\"}, certSANs: [a]}}",
		"{apiVersion: kubeadm.k8s.io/v1beta4, apiServer: {extraArgs: [{name: v, value: \"4\"}], certSANs: [a]}}",
	} {
		doc, before := cluster(t, text), fmt.Sprint(cluster(t, text))
		log := node.AuditLog{MaxSize: 1, MaxAge: 2, Backups: 3}
		for _, s := range []Setting{{Mode: Metadata, Log: log}, {Mode: Own, Policy: []byte("x"), Log: log}, {Mode: Requests, Log: log}} {
			s.Lay(doc)
			want := Arguments{s.Mode, s.PolicyPath(), Log, "1", "2", "3"}
			if got := OfCluster(doc); got != want {
				t.Errorf("%s: %+v, want %+v", text, got, want)
			}
			server, _ := doc["apiServer"].(document.Document)
			var argv []string
			for _, a := range kubeadm.ExtraArgs(server) {
				argv = append(argv, "--"+a.Name+"="+a.Value)
			}
			if got := OfCommand(append(argv, "kube-apiserver")); got != want || len(argv) != 6 {
				t.Errorf("%q: %+v, want %+v", argv, got, want)
			}
		}
		Setting{Mode: Off}.Lay(doc)
		if after := fmt.Sprint(doc); after != before || OfCluster(doc).Mode != Off {
			t.Errorf("it was %s, and is %s", before, after)
		}
	}
	bare := cluster(t, "{apiVersion: kubeadm.k8s.io/v1beta4}")
	Setting{Mode: Off}.Lay(bare)
	if len(bare) != 1 {
		t.Errorf("%v", bare)
	}
}

// TestOthersArguments: what podsec-k8s has not set is known as that.
func TestOthersArguments(t *testing.T) {
	ours := "--audit-policy-file=" + Setting{Mode: Metadata}.PolicyPath()
	for name, c := range map[string]struct {
		argv []string
		want Mode
	}{
		"none":                   {[]string{"--v=4"}, Off},
		"ours":                   {[]string{ours, "--audit-log-path=" + Log}, Metadata},
		"another log":            {[]string{ours, "--audit-log-path=/var/log/x.log"}, Other},
		"another policy":         {[]string{"--audit-policy-file=/etc/x.yaml", "--audit-log-path=" + Log}, Other},
		"a webhook besides":      {[]string{ours, "--audit-log-path=" + Log, "--audit-webhook-config-file=/x"}, Other},
		"a webhook":              {[]string{"--audit-webhook-config-file=/x"}, Other},
		"no policy":              {[]string{"--audit-log-path=" + Log}, Other},
		"what is no audit's own": {[]string{"--auditing=x"}, Off},
	} {
		if got := OfCommand(c.argv).Mode; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if err := (Arguments{Mode: "x"}).Check(); err == nil {
		t.Error("a mode that is none is believed")
	}
}
