package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestPlanOfACheckedNode: a machine that was looked at is not looked at again, and
// what root found then is not told again. The network is the one that root picked.
func TestPlanOfACheckedNode(t *testing.T) {
	folder := t.TempDir()
	const kubeadm = "#!/bin/sh\n[ $1 = version ] && exec echo v1.26.3\necho r.example/coredns:v1.9.3; echo r.example/pause:3.9\n"
	if err := os.WriteFile(filepath.Join(folder, "kubeadm"), []byte(kubeadm), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":/usr/bin:/bin")
	site := node.DefaultSite()
	site.Network = node.VethMode
	request := nodeRequest{Site: site, Faults: []preflightFault{{Check: "home", Err: message.Of("found")}}, Checked: true}
	request.Options.NodeIP = "192.0.2.10"
	plan, findings, err := planNode(t.Context(), request)
	if err != nil || len(findings) > 0 || len(plan.Images) == 0 || plan.Node.Network != node.VethMode {
		t.Errorf("%+v, %v, %v", plan, findings, err)
	}
}
