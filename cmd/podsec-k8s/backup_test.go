package main

import (
	"bytes"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
)

// playedBackup writes a backup as u7s-admin makes it.
func playedBackup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: backup FILE [NAME]")
	}
	m := backup.Manifest{
		Created: time.Now(), PodsecK8s: "0.1", Kubernetes: "v1.26.3", Etcd: "3.5.9", Node: "m1", Address: netip.MustParseAddr("192.0.2.10"),
		Revision: 7, Keys: 5, Outside: []string{"/etc/kubernetes/patches"},
	}
	texts := map[string]string{backup.NodeName: `{"Name":"m1","Network":"slirp4netns","MTU":1500}`, backup.KubeadmName: "kind: ClusterConfiguration\n"}
	for _, name := range append(strings.Fields("node.json kubeadm.yaml pki/ca.crt pki/ca.key pki/front-proxy-ca.crt pki/front-proxy-ca.key "+
		"pki/sa.key pki/sa.pub pki/etcd/ca.crt pki/etcd/ca.key etcd.db"), args[1:]...) {
		if texts[name] == "" {
			texts[name] = "content of " + name
		}
		f, err := backup.Describe(name, strings.NewReader(texts[name]))
		ts.Check(err)
		m.Files = append(m.Files, f)
	}
	var out bytes.Buffer
	w, err := backup.NewWriter(&out, m)
	ts.Check(err)
	for _, f := range m.Files {
		ts.Check(w.Add(f.Name, strings.NewReader(texts[f.Name])))
	}
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}
