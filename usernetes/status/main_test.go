package status

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	cluster "github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// TestMain gives the tests a network and a /var/lib of their own, in which whoever
// runs them may ping.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib")
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 0"), 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A machine is one with a node whose surroundings are played.
type machine struct {
	node    node.Node
	systemd *played.Systemd
	api     *cluster.API
}

// playMachine plays a machine with a worker that was made to the end. What the
// node's parts say of themselves is answers.
func playMachine(t *testing.T, answers string) machine {
	t.Helper()
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	m := machine{
		node.Node{Name: "w1", IP: netip.MustParseAddr("127.0.0.1"), Kubernetes: "v1.26.3", MTU: 1500},
		played.Start(t), cluster.Start(t),
	}
	t.Setenv("XDG_RUNTIME_DIR", m.systemd.Dir)
	t.Setenv("PATH", m.systemd.Dir+":"+os.Getenv("PATH"))
	if err := errors.Join(m.node.Save(), steps.Steps{Finished: true, Done: []string{steps.PhaseJoin}}.Save()); err != nil {
		t.Fatal(err)
	}
	m.api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	m.api.Has("/api/v1/nodes/w1", clusterNode("w1", "127.0.0.1", true))
	m.api.Has("/api/v1/nodes", `{"items":[`+clusterNode("w1", "127.0.0.1", true)+`,`+clusterNode("m1", "127.0.0.2", true)+`]}`)
	roottest.WriteFile(t, node.RootlessKitDir()+"/child_pid", strconv.Itoa(os.Getpid()))
	roottest.WriteFile(t, m.systemd.Dir+"/nsenter", "#!/bin/sh\ncat <<'.'\n"+answers+"\n.\n")
	listener, err := net.Listen("unix", node.RootlessKitDir()+"/api.sock")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { //nolint:gosec // a test's
		fmt.Fprint(w, `[{"id":1,"spec":{"proto":"tcp","parentIP":"127.0.0.1","parentPort":10250}}]`) //nolint:errcheck // the client tells
	})}
	go server.Serve(listener)            //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() }) //nolint:errcheck // the same
	return m
}

// clusterNode is a Node of the cluster.
func clusterNode(name, address string, ready bool) string {
	return fmt.Sprintf(`{"metadata":{"name":%q},"status":{"addresses":[{"type":"InternalIP","address":%q}],"conditions":[{"type":"Ready","status":"%s","reason":"X","message":"no network"}]}}`,
		name, address, map[bool]string{true: "True", false: "False"}[ready])
}

// runs lets all parts of a worker run.
func (m machine) runs() {
	for _, s := range services.Of(m.node) {
		m.systemd.Set(s.Unit, played.Properties{"ActiveState": "active", "SubState": "running"})
	}
}
