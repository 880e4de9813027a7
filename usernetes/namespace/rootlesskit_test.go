package namespace

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestRootlessKit: RootlessKit is given the mode's stack, and opens no ports.
func TestRootlessKit(t *testing.T) {
	for mode, want := range map[string]string{
		"":             "--net=slirp4netns --slirp4netns-sandbox=auto --slirp4netns-seccomp=auto",
		node.PastaMode: "--net=pasta --pasta-binary=/usr/libexec/podsec-k8s/pasta-one-way",
		node.VethMode:  "--net=slirp4netns --slirp4netns-sandbox=auto --slirp4netns-seccomp=auto",
	} {
		args := strings.Join(RootlessKit(aNode(mode)).Args, " ")
		if !strings.Contains(args, "--cidr=10.41.0.0/24 --mtu=1500 --disable-host-loopback --port-driver=none "+want+" "+node.Self+" unit namespace") {
			t.Errorf("%q: %s", mode, args)
		}
	}
}
