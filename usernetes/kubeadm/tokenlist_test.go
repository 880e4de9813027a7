package kubeadm

import (
	"reflect"
	"testing"
	"time"
)

// TestParseTokens: kubeadm prints an object for each token, and nothing where
// there is none.
func TestParseTokens(t *testing.T) {
	const first = `{
    "kind": "BootstrapToken",
    "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
    "token": "abcdef.0123456789abcdef",
    "expires": "2026-11-29T10:00:00Z",
    "usages": ["authentication", "signing"],
    "groups": ["system:bootstrappers:kubeadm:default-node-token"]
}
`
	const second = `{"token": "fedcba.0123456789abcdef", "description": "for w2"}`
	parsed := ListedToken{
		Token: "abcdef.0123456789abcdef", Expires: time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC),
		Usages: []string{"authentication", "signing"}, Groups: []string{"system:bootstrappers:kubeadm:default-node-token"},
	}
	for _, c := range []struct {
		name, out string
		want      []ListedToken
		fails     bool
	}{
		{"none", "", nil, false},
		{"two", first + second, []ListedToken{parsed, {Token: "fedcba.0123456789abcdef", Description: "for w2"}}, false},
		{"cut", first[:40], nil, true},
		{"no JSON", "TOKEN  TTL", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTokens(c.out)
			if (err != nil) != c.fails || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
