package usernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

const clusterInfo = "/api/v1/namespaces/kube-public/configmaps/cluster-info"

// oldAddress is one that the machine of a test has not any more: it has 127.0.0.1.
const oldAddress = "192.0.2.10"

// movableFiles are the files of a node that name its address.
func movableFiles(master bool) map[string]string {
	files := map[string]string{node.StatePath("/var/lib/kubelet/kubeadm-flags.env"): `KUBELET_KUBEADM_ARGS="--node-ip=192.0.2.10"`}
	if !master {
		return files
	}
	for _, name := range staticpod.Components() {
		files[staticpod.ManifestFile(name)] = "kind: Pod\nmetadata: {name: " + name + "}\nspec: {containers: [{name: " + name + ", command: [" + name + ", --address=192.0.2.10, --net=192.0.2.100]}]}\n"
	}
	for _, file := range []string{"ca.crt", "ca.key", "etcd/ca.crt", "etcd/ca.key", "apiserver.crt", "apiserver.key", "etcd/server.crt", "etcd/server.key", "etcd/peer.crt", "etcd/peer.key", "sa.key"} {
		files[node.StatePath("/etc/kubernetes/pki/"+file)] = "old " + file
	}
	return files
}

// playMoved plays a machine whose address has changed, and whose node has not.
func playMoved(t *testing.T, master bool) (s *site, files map[string]string) {
	t.Helper()
	s = finishedSite(t, master)
	s.node.IP = netip.MustParseAddr(oldAddress)
	asked := steps.Asked{NodeIP: oldAddress, Config: "kind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 192.0.2.10}\n"}
	if err := (steps.Steps{Finished: true, Done: []string{steps.PhaseInit}, Asked: &asked}).Save(); err != nil {
		t.Fatal(err)
	}
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	files = movableFiles(master)
	for path, text := range files {
		roottest.WriteFile(t, path, text)
	}
	if master {
		roottest.WriteFile(t, node.ClusterFile, "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta3\ncontrolPlaneEndpoint: 192.0.2.10:6443\n")
		roottest.WriteFile(t, s.dir+"/kubeadm", `#!/bin/sh
cat > `+s.dir+`/config; folder=$(sed -n 's/^certificatesDir: //p' `+s.dir+`/config)
case $4 in apiserver) file=apiserver ;; *) file=etcd/${4#etcd-} ;; esac
cat $folder/$(dirname $file)/ca.key > /dev/null || exit 1
echo "new $file.crt" > $folder/$file.crt; echo "new $file.key" > $folder/$file.key
`)
		if err := os.Chmod(s.dir+"/kubeadm", 0o755); err != nil {
			t.Fatal(err)
		}
		roottest.WriteFile(t, s.dir+"/members", `{"members":[{"ID":10501334649042878790,"peerURLs":["https://192.0.2.10:2380"]}]}`)
		s.api.Has(clusterInfo, `{"data":{"kubeconfig":"clusters: [{name: '', cluster: {server: 'https://192.0.2.10:6443'}}]"}}`)
		s.clusterHas(t, "kind: ClusterConfiguration\ncontrolPlaneEndpoint: 192.0.2.10:6443\n")
	}
	s.api.Has("/api/v1/nodes/m1", `{"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"2099-01-01T00:00:00Z"}]}}`)
	s.playManifests(t)
	if err := (steps.Move{From: s.node.IP, To: netip.MustParseAddr("127.0.0.1")}).Save(); err != nil {
		t.Fatal(err)
	}
	return s, files
}

// playManifests plays the service that runs the control plane by its manifests.
func (s *site) playManifests(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	follow := func() {
		for _, name := range staticpod.Components() {
			text, err := os.ReadFile(staticpod.ManifestFile(name))
			if err != nil {
				continue
			}
			sum := sha256.Sum256(text)
			roottest.WriteFile(t, filepath.Join(node.OwnRuntimeDir(), "u7s/manifests", name), hex.EncodeToString(sum[:]))
			s.systemd.Set(units.Component(name), played.Properties{"ActiveState": "active"})
		}
	}
	go func() {
		defer close(done)
		for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			follow()
		}
	}()
	t.Cleanup(func() { end(); <-done })
}

// change runs the change, and returns what it has told.
func (s *site) change(t *testing.T, r AddressRequest) (told []string, err error) {
	t.Helper()
	tell := func(format message.Format, args ...any) { told = append(told, message.Errorf(format, args...).Error()) }
	return told, ChangeAddress(t.Context(), r, quiet{}, io.Discard, tell)
}

// TestMoveWorker: the files of a worker have the new address, and its services are
// stopped and started in order.
func TestMoveWorker(t *testing.T) {
	s, _ := playMoved(t, false)
	if err := (upgrade.Record{From: "v1.26.2", To: "v1.26.3", Finished: true}).Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.change(t, AddressRequest{}); err != nil {
		t.Fatal(err)
	}
	n, err := node.LoadNode()
	if err != nil || n.IP.String() != "127.0.0.1" {
		t.Errorf("the node is %+v, %v", n, err)
	}
	if flags, err := host.ReadFile(node.StatePath("/var/lib/kubelet/kubeadm-flags.env")); err != nil || string(flags) != `KUBELET_KUBEADM_ARGS="--node-ip=127.0.0.1"` {
		t.Errorf("%s, %v", flags, err)
	}
	if made, err := steps.LoadSteps(); err != nil || !made.Finished || made.Asked.NodeIP != "127.0.0.1" || !strings.Contains(made.Asked.Config, "127.0.0.1") {
		t.Errorf("%+v, %v", made, err)
	}
	calls := s.systemd.Calls()
	order := []string{"stop u7s.target", "stop u7s-rootlesskit.service", "start u7s.target", "start u7s-rootlesskit.service", "start u7s-crio.service", "start u7s-kubelet.service", "start u7s-flanneld.service"}
	for i, call := range order[1:] {
		if slices.Index(calls, call) < slices.Index(calls, order[i]) || !slices.Contains(calls, order[i]) {
			t.Errorf("%s does not follow %s: %q", call, order[i], calls)
		}
	}
	nothingLeft(t)
	if r, err := upgrade.LoadRecord(); err != nil || r.To != "" {
		t.Errorf("an upgrade could go back to the address of before: %+v, %v", r, err)
	}
}

// TestMoveSettles: a replaced configuration that was not settled is undone before the
// node's files are saved.
func TestMoveSettles(t *testing.T) {
	s, _ := playMoved(t, false)
	for _, c := range allConfigured() {
		roottest.WriteFile(t, c.file.Path, "before")
		if err := c.file.Replace([]byte("tried")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.change(t, AddressRequest{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range allConfigured() {
		if text, err := os.ReadFile(c.file.Path); err != nil || string(text) != "before" {
			t.Errorf("%s has %q, %v", c.name, text, err)
		}
		if was, err := c.file.Restore(); was || err != nil {
			t.Errorf("%s would be restored again: %v", c.name, err)
		}
	}
}

// nothingLeft: of a change that is complete, or undone, nothing is kept.
func nothingLeft(t *testing.T) {
	t.Helper()
	for _, path := range []string{node.MoveFile, node.MovedDir, node.MovedPKI} {
		if host.Exists(path) {
			t.Errorf("%s is left", path)
		}
	}
	if err := steps.HalfMoved(); err != nil {
		t.Error(err)
	}
}

// TestMoveControlPlane: all of a control plane that names the address has the new one,
// with new certificates, and so has the cluster.
func TestMoveControlPlane(t *testing.T) {
	s, _ := playMoved(t, true)
	if _, err := s.change(t, AddressRequest{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range staticpod.Components() {
		if text, err := host.ReadFile(staticpod.ManifestFile(name)); err != nil || !strings.Contains(string(text), "--address=127.0.0.1, --net=192.0.2.100") {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	for file, want := range map[string]string{"apiserver.crt": "new apiserver.crt\n", "etcd/peer.key": "new etcd/peer.key\n", "etcd/server.crt": "new etcd/server.crt\n", "ca.key": "old ca.key", "sa.key": "old sa.key"} {
		if text, err := host.ReadFile(node.StatePath("/etc/kubernetes/pki/" + file)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", file, text, err)
		}
	}
	config, err := host.ReadFile(s.dir + "/config")
	if err != nil || !strings.Contains(string(config), "advertiseAddress: 127.0.0.1") || !strings.Contains(string(config), "controlPlaneEndpoint: 127.0.0.1:6443") {
		t.Errorf("kubeadm was given\n%s\n%v", config, err)
	}
	if ran := s.ran(); !slices.Contains(ran, "etcdctl member update") {
		t.Errorf("ran %q", ran)
	}
	var sent []string
	for _, one := range s.api.Sent() {
		text, err := json.Marshal(one.Body)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, one.Call+" "+string(text))
	}
	all := strings.Join(sent, "\n")
	if !strings.Contains(all, "PATCH "+clusterInfo) || !strings.Contains(all, `controlPlaneEndpoint: 127.0.0.1:6443`) || strings.Contains(all, oldAddress) {
		t.Errorf("sent\n%s", all)
	}
	nothingLeft(t)
}

// TestMoveGoesBack: a control plane that does not come up has every file again as it
// was. It is not started, for the machine has not that address.
func TestMoveGoesBack(t *testing.T) {
	s, files := playMoved(t, true)
	s.fails("etcdctl member")
	told, err := s.change(t, AddressRequest{})
	if err == nil || !strings.Contains(err.Error(), "the node does not run with the address 127.0.0.1; it has again what it had: phase member") || len(told) != 1 {
		t.Errorf("%v, told %q", err, told)
	}
	for path, want := range files {
		if text, err := host.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", path, text, err)
		}
	}
	if n, err := node.LoadNode(); err != nil || n.IP.String() != oldAddress {
		t.Errorf("the node is %+v, %v", n, err)
	}
	if made, err := steps.LoadSteps(); err != nil || made.Asked.NodeIP != oldAddress {
		t.Errorf("%+v, %v", made, err)
	}
	if s.systemd.Active(units.RootlessKit) != "inactive" {
		t.Error("the node was started again")
	}
	nothingLeft(t)
}

// TestStartBeside: a node that goes back starts its services also where the cluster does
// not answer, by the configurations that it has.
func TestStartBeside(t *testing.T) {
	s, _ := playMoved(t, false)
	roottest.WriteFile(t, node.ProxyFile, "mine")
	s.api.Refuses("GET /api/v1/namespaces/kube-system/configmaps/"+kubeadm.ProxyObject, http.StatusServiceUnavailable)
	manager, err := node.UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	if err := startBeside(t.Context(), &Work{Plan: Plan{Node: s.node}, Manager: manager}); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(node.ProxyFile); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	if s.systemd.Active(units.KubeProxy) != "active" {
		t.Error("kube-proxy was not started")
	}
}

// TestMoveOfSeveral: one of several control planes keeps its address.
func TestMoveOfSeveral(t *testing.T) {
	s, _ := playMoved(t, true)
	roottest.WriteFile(t, s.dir+"/members", `{"members":[{"ID":1},{"ID":2}]}`)
	if _, err := s.change(t, AddressRequest{}); err == nil || !strings.Contains(err.Error(), "one of several control planes") {
		t.Error(err)
	}
	nothingLeft(t)
}

// TestMoveIsContinued: a run that was cut is gone on with, another request begins anew,
// and no other command changes the node meanwhile.
func TestMoveIsContinued(t *testing.T) {
	s, files := playMoved(t, false)
	flags := node.StatePath("/var/lib/kubelet/kubeadm-flags.env")
	m := &moving{record: steps.Move{From: netip.MustParseAddr(oldAddress), To: netip.MustParseAddr("127.0.0.1")}}
	err := withFinished(t.Context(), func(w *Work) error {
		w.Plan.Node = m.node(w.Plan.Node)
		for _, p := range m.phases(w.Plan.Node)[:2] {
			if err := runPhases(t.Context(), []Phase{p}, w, quiet{}, m, continueRemedy); err != nil {
				return err
			}
		}
		return nil
	})
	if text, _ := host.ReadFile(flags); err != nil || string(text) == files[flags] {
		t.Fatalf("%s, %v", text, err)
	}
	if err := withNode(t.Context(), func(*Work) error { return nil }); err == nil || !strings.Contains(err.Error(), "is not complete") {
		t.Error(err)
	}
	if err := (upgrade.Record{From: "v1.26.2", To: "v1.26.3", Finished: true}).Save(); err != nil {
		t.Fatal(err)
	}
	if p, err := AskMove(t.Context(), AddressRequest{}); err != nil || !p.Resumed || p.Same() || p.Forgets != "v1.26.2" || p.Check() != nil {
		t.Errorf("%+v, %v", p, err)
	}
	// Another address: what was changed is undone first, and this one the machine has not.
	if _, err := s.change(t, AddressRequest{NodeIP: "192.0.2.77"}); err == nil || !strings.Contains(err.Error(), "IPv4 address") {
		t.Error(err)
	}
	if text, err := host.ReadFile(flags); err != nil || string(text) != files[flags] {
		t.Errorf("%s, %v", text, err)
	}
	nothingLeft(t)
}

// TestFollowCluster: a worker follows its cluster to where something of that cluster
// answers, and goes nowhere else.
func TestFollowCluster(t *testing.T) {
	s, _ := playMoved(t, false)
	if err := steps.ForgetMove(); err != nil {
		t.Fatal(err)
	}
	s.node.IP = netip.MustParseAddr("127.0.0.1")
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	url := strings.TrimPrefix(s.api.URL, "https://")
	_, port, _ := strings.Cut(url, ":")
	if p, err := AskMove(t.Context(), AddressRequest{Server: url}); err != nil || !p.Same() {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := AskMove(t.Context(), AddressRequest{Server: "127.0.0.1:1"}); err == nil || !strings.Contains(err.Error(), "does not answer at 127.0.0.1:1") {
		t.Error(err)
	}
	s.api.Refuses("GET /api/v1/nodes/m1", http.StatusUnauthorized)
	if _, err := AskMove(t.Context(), AddressRequest{Server: url}); err == nil || !strings.Contains(host.AsFault(err).Remedy.String(), "certs renew") {
		t.Error(err)
	}
	s.api.Refuses("GET /api/v1/nodes/m1", 0)
	if err := (steps.Move{From: s.node.IP, To: s.node.IP, Server: "localhost:" + port}).Save(); err != nil {
		t.Fatal(err)
	}
	conf, err := host.ReadFile(node.StatePath(node.KubeletConf))
	if err != nil {
		t.Fatal(err)
	}
	m := &moving{record: steps.Move{From: s.node.IP, To: s.node.IP, Server: "localhost:" + port}}
	if changed, err := m.kubeletConf(conf); err != nil || !strings.Contains(string(changed), "server: https://localhost:"+port) {
		t.Errorf("%s, %v", changed, err)
	}
	if n := m.node(s.node); n.Endpoint != "localhost" || n.IP != s.node.IP {
		t.Errorf("%+v", n)
	}
}

// TestMoveCall: what can't be understood is wrong usage, and what u7s-admin hands to root
// has its form.
func TestMoveCall(t *testing.T) {
	for _, r := range []AddressRequest{{NodeIP: "nonsense"}, {Server: "a b"}, {Server: "host:0"}, {Server: "host:x"}} {
		if r.CheckCall() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
	for server, want := range map[string]string{"192.0.2.1": "192.0.2.1:7443", "host:1": "host:1", "[2001:db8::1]": "[2001:db8::1]:7443"} {
		if got := withPort(server, "https://x:7443"); got != want {
			t.Errorf("%s is %s", server, got)
		}
	}
	if got := withPort("host", ""); got != "host:6443" {
		t.Error(got)
	}
	a := netip.MustParseAddr("192.0.2.1")
	for _, p := range []MovePlan{{}, {Name: "a b", From: a, To: a}, {Name: "m1", From: a, To: a, Server: "x"}, {Name: "m1", From: a, To: a, Forgets: "x"}} {
		if p.Check() == nil {
			t.Errorf("%+v is taken", p)
		}
	}
	for _, r := range []Moved{{Server: "x"}, {Endpoint: "a b"}, {Others: []string{"a\nb"}}} {
		if r.Check() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
	if err := (Moved{Server: "192.0.2.1:6443", Endpoint: "api.example", Others: []string{"w1"}}).Check(); err != nil {
		t.Error(err)
	}
}

// TestPlanMove: what a node's address can be changed to, and what keeps it from that.
func TestPlanMove(t *testing.T) {
	s, _ := playMoved(t, true)
	if err := steps.ForgetMove(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ip", "address", "replace", "192.0.2.20/32", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	roottest.WriteFile(t, s.dir+"/planes", "node/m1\n")
	request := AddressRequest{NodeIP: "192.0.2.20"}
	p, err := AskMove(t.Context(), request)
	if want := (MovePlan{Name: "m1", From: s.node.IP, To: netip.MustParseAddr("192.0.2.20"), ControlPlane: true}); err != nil || p != want || p.Same() || p.Check() != nil {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := AskMove(t.Context(), AddressRequest{Setting: netip.MustParseAddr("192.0.2.20")}); err != nil || p.To.String() != "192.0.2.20" {
		t.Errorf("by the settings: %+v, %v", p, err)
	}
	refused := func(r AddressRequest, want string) {
		t.Helper()
		if _, err := AskMove(t.Context(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
	refused(AddressRequest{NodeIP: "192.0.2.21"}, "192.0.2.21 is not an address of this machine")
	refused(AddressRequest{NodeIP: "2001:db8::1"}, "is not an IPv4 address")
	refused(AddressRequest{NodeIP: "192.0.2.20", Server: "192.0.2.30"}, "this machine is a control plane")
	key := node.StatePath("/etc/kubernetes/pki/etcd/ca.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	refused(request, "/etc/kubernetes/pki/etcd/ca.key is not on this machine")
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	n := s.node
	n.EtcdPeers, n.Endpoint = true, "localhost"
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := AskMove(t.Context(), request); err != nil {
		t.Error(err)
	}
	n.IP = netip.MustParseAddr("127.0.0.1")
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	refused(request, "the name of the cluster's endpoint, localhost, does not lead to 192.0.2.20 yet")
	roottest.WriteFile(t, s.dir+"/planes", "node/m1\nnode/m2\n")
	refused(request, "this machine is one of several control planes")
	if err := (upgrade.Record{From: "v1.26.3", To: "v1.26.4"}).Save(); err != nil {
		t.Fatal(err)
	}
	refused(request, "an upgrade of this node is not finished")
	if err := upgrade.Forget(); err != nil {
		t.Fatal(err)
	}
}
