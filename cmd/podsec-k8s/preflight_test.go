package main

import (
	"slices"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// TestRequiredChecksAreNotPassedOver: what root has found is skipped by its
// name, but for what nothing would start the node with.
func TestRequiredChecksAreNotPassedOver(t *testing.T) {
	faults := []preflightFault{{Check: "kubelet-service", Required: true}, {Check: "home"}, {Check: "rootful-node"}, {Check: "firewall"}}
	for _, c := range []struct{ ignore, want []string }{
		{nil, []string{"kubelet-service", "home", "rootful-node", "firewall"}},
		{[]string{"all"}, []string{"kubelet-service"}},
		{[]string{"home", "firewall"}, []string{"kubelet-service", "rootful-node"}},
	} {
		var got []string
		for _, f := range fromRoot(faults, c.ignore) {
			got = append(got, f.Check)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("without %q: %q, want %q", c.ignore, got, c.want)
		}
		if err := (usernetes.Options{Ignore: c.ignore}).CheckCall(nil); err != nil {
			t.Errorf("%q is wrong usage: %v", c.ignore, err)
		}
	}
}
