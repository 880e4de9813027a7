package usernetes

import (
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestDNSTrouble: of each pod that does not run the reason is told.
func TestDNSTrouble(t *testing.T) {
	s := playSite(t)
	if got := dnsTrouble(t.Context()); got == "" {
		t.Error("without an administrator")
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	for status, want := range map[string]string{
		`{"containerStatuses":[{"state":{"running":{}}}]}`:                                                              "",
		`{"containerStatuses":[{"state":{"waiting":{"reason":"ErrImagePull","message":"no registry"}}}]}`:               "coredns-1: ErrImagePull no registry",
		`{"containerStatuses":[{"state":{"terminated":{"reason":"Error","message":"no config"}}}]}`:                     "coredns-1: Error no config",
		`{"conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"no node for it"}]}`: "coredns-1: Unschedulable no node for it",
	} {
		s.api.Has("/api/v1/namespaces/kube-system/pods", `{"items":[{"metadata":{"name":"coredns-1"},"status":`+status+`}]}`)
		if got := dnsTrouble(t.Context()); got != want {
			t.Errorf("%s: %q", status, got)
		}
	}
}
