package usernetes

import (
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

func TestConfigFault(t *testing.T) {
	for said, want := range map[string]string{
		"": "no reason was given",
		"W1127 22:27:58.063878   28854 utils.go:69] The recommended value\nversion \"x\" doesn't match\nTo see the stack trace of this error execute with --v=5 or higher\n":               `version "x" doesn't match`,
		"error: a: b\nTo see the stack trace of this error execute with --v=5 or higher\n":                                                                                                 "a: b",
		"W1127 22:27:58.201870   28882 initconfiguration.go:305] error unmarshaling configuration schema.GroupVersionKind{}: strict decoding error: unknown field \"networkink\"\nW11 x\n": `unknown field "networkink"`,
	} {
		if got := configFault(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

// TestCheckConfig: what kubeadm does not take, or would leave out with a warning, is
// told in its words.
func TestCheckConfig(t *testing.T) {
	s := playSite(t)
	for script, want := range map[string]string{
		"cat >/dev/null": "",
		`echo 'W0101 strict decoding error: unknown field "x"' >&2`: `unknown field "x"`,
		"echo 'error: no such kind' >&2; exit 1":                    "no such kind",
	} {
		roottest.WriteFile(t, s.dir+"/kubeadm", "#!/bin/sh\n"+script+"\n")
		err := Plan{Config: []byte("kind: x\n")}.CheckConfig(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), ": "+want)) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// TestNeededImages: pause, and CoreDNS by kubeadm's word.
func TestNeededImages(t *testing.T) {
	s := playSite(t)
	roottest.WriteFile(t, s.dir+"/kubeadm", "#!/bin/sh\necho registry.example/kube-apiserver:v1.26.3; echo registry.example/coredns:v1.9.3\n")
	p := Plan{Node: s.node, Config: []byte("kind: ClusterConfiguration\n")}
	pause, err := s.node.PauseImage()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.NeededImages(t.Context()); err != nil || !slices.Equal(got, []string{pause}) {
		t.Errorf("%q, %v", got, err)
	}
	p.DNS = true
	if got, err := p.NeededImages(t.Context()); err != nil || !slices.Equal(got, []string{pause, "registry.example/coredns:v1.9.3"}) {
		t.Errorf("%q, %v", got, err)
	}
}
