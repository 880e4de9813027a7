package kubeadm

import (
	"reflect"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// TestReplaceExtraArgs: those of others stay, in the form of each version, and what is
// empty goes.
func TestReplaceExtraArgs(t *testing.T) {
	ours := func(name string) bool { return strings.HasPrefix(name, "audit-") }
	for api, c := range map[string]struct{ before, after any }{
		"kubeadm.k8s.io/v1beta3": {
			document.Document{"v": 2, "audit-log-path": "/x"},
			document.Document{"v": "2", "audit-log-maxage": "30"},
		},
		"kubeadm.k8s.io/v1beta4": {
			[]any{document.Document{"name": "audit-log-path", "value": "/x"}, document.Document{"name": "v", "value": "2"}},
			[]any{document.Document{"name": "v", "value": "2"}, document.Document{"name": "audit-log-maxage", "value": "30"}},
		},
	} {
		form := FormOf(document.Document{"apiVersion": api})
		part := document.Document{"extraArgs": c.before}
		ReplaceExtraArgs(part, form, ours, Arg{"audit-log-maxage", "30"})
		if !reflect.DeepEqual(part["extraArgs"], c.after) {
			t.Errorf("%s: %v, want %v", api, part["extraArgs"], c.after)
		}
		ReplaceExtraArgs(part, form, func(string) bool { return true })
		if _, has := part["extraArgs"]; has {
			t.Errorf("%s: %v is left", api, part)
		}
	}
	if form := FormOf(document.Document{"apiVersion": "kubeadm.k8s.io/v9"}); form != deps.ArgsList {
		t.Errorf("a version to come has the form %v", form)
	}
}
