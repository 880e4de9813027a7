package namespace

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestRootlessKit: RootlessKit is given the mode's stack, and opens ports by itself
// only in the first mode.
func TestRootlessKit(t *testing.T) {
	for mode, want := range map[string]string{
		"":             "--net=slirp4netns --slirp4netns-sandbox=auto --slirp4netns-seccomp=auto --port-driver=builtin --publish=127.0.0.1:10250:10250/tcp --publish=127.0.0.1:8472:8472/udp --publish=127.0.0.1:6443:6443/tcp",
		node.PastaMode: "--net=pasta --pasta-binary=/usr/libexec/podsec-k8s/pasta-one-way --port-driver=none",
		node.VethMode:  "--net=slirp4netns --slirp4netns-sandbox=auto --slirp4netns-seccomp=auto --port-driver=none",
	} {
		args := strings.Join(RootlessKit(aNode(mode)).Args, " ")
		if !strings.Contains(args, "--cidr=10.41.0.0/24 --mtu=1500 --disable-host-loopback "+want+" "+node.Self+" unit namespace") {
			t.Errorf("%q: %s", mode, args)
		}
	}
}
