package namespace

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestMain gives the tests a network and mounts of their own, and a machine without
// settings and without a node.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/etc", "/var/lib", "/run")
	os.Exit(m.Run())
}

// program plays a program by a script, and returns the folder that it is in.
func program(t *testing.T, name, script string) string {
	t.Helper()
	dir := t.TempDir()
	roottest.WriteFile(t, dir+"/"+name, "#!/bin/sh\n"+script+"\n")
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

// ip changes the tests' own network, a line of arguments each.
func ip(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if err := (host.Command{Path: "ip", Args: strings.Fields(line)}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// aNode is one of a mode.
func aNode(mode string) node.Node {
	return node.Node{
		Name: "m1", IP: netip.MustParseAddr("127.0.0.1"), Kubernetes: "v1.26.3", APIPort: 6443, Network: mode, MTU: 1500,
		SlirpCIDR: netip.MustParsePrefix("10.41.0.0/24"), PodCIDR: netip.MustParsePrefix("10.244.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/16"),
	}
}

// playNode plays a node whose namespaces are those of this process, and
// the user's systemd.
func playNode(t *testing.T) *played.Systemd {
	t.Helper()
	s := played.Start(t)
	t.Setenv("XDG_RUNTIME_DIR", s.Dir)
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if err := aNode(node.SlirpMode).Save(); err != nil {
		t.Fatal(err)
	}
	roottest.WriteFile(t, ChildPIDFile(), strconv.Itoa(os.Getpid()))
	return s
}
