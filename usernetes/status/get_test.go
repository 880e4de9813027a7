package status

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/ports"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// faultsOf joins what a status has against the node, its units and its ports.
func faultsOf(o Status) string {
	var all []string
	for _, p := range o.Faults {
		all = append(all, p.Fault.String())
	}
	for _, u := range o.Units {
		if !u.Fault.Empty() {
			all = append(all, fmt.Sprintf("%s is %s: %s", u.Unit, u.State, u.Fault))
		}
	}
	for _, p := range o.Ports {
		if !p.Fault.Empty() {
			all = append(all, p.Port+": "+p.Fault.String())
		}
	}
	return strings.Join(all, "\n")
}

// TestGet: what is wrong with a node is found out from systemd, the cluster, the
// parts themselves, the driver of ports and the notes of the node's services.
func TestGet(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers string
		change  func(t *testing.T, m machine)
		state   string
		want    []string // parts of the faults
	}{
		{"well", "{}", func(*testing.T, machine) {}, StateRunning, []string{"8472/udp: it is not published"}},
		{"a part is silent", `{"u7s-kubelet.service":"connection refused"}`, func(*testing.T, machine) {}, StateRunning, []string{"u7s-kubelet.service is not answering: connection refused"}},
		{"no part can be asked", "-", func(*testing.T, machine) {}, StateRunning, []string{"u7s-rootlesskit.service is not answering: getting the state of the node: no answer"}},
		{"the cluster does not count on it", "{}", func(_ *testing.T, m machine) { m.api.Has("/api/v1/nodes/w1", clusterNode("w1", "127.0.0.1", false)) }, StateRunning, []string{"node w1 is not ready: X: no network"}},
		{"the cluster does not know it", "{}", func(_ *testing.T, m machine) { m.api.Has("/api/v1/nodes/w1", nil) }, StateRunning, []string{"it was deleted"}},
		{"the cluster does not answer", "{}", func(_ *testing.T, m machine) { m.api.Refuses("GET /api/v1/nodes/w1", 503) }, StateRunning, []string{"503"}},
		{"the others are not told of", "{}", func(_ *testing.T, m machine) { m.api.Refuses("GET /api/v1/nodes", 403) }, StateRunning, []string{"searching the other nodes: "}},
		{"the publisher", "{}", func(t *testing.T, _ machine) {
			if err := node.NotePorts.Save(ports.Report{Fault: message.Of("refused")}); err != nil {
				t.Fatal(err)
			}
		}, StateRunning, []string{"publishing ports: refused"}},
		{"noted by the services", "{}", func(t *testing.T, _ machine) {
			if err := node.NoteIDs.Save([]node.Problem{{Fault: message.Of("Pod shop/web: no ids")}}); err != nil {
				t.Fatal(err)
			}
		}, StateRunning, []string{"Pod shop/web: no ids"}},
		{"no driver of ports", "{}", func(t *testing.T, _ machine) {
			if err := os.Remove(node.RootlessKitDir() + "/api.sock"); err != nil {
				t.Fatal(err)
			}
		}, StateRunning, []string{"listing open ports: ", "10250/tcp: the service that publishes it does not answer"}},
		{"a certificate that can't be read", "{}", func(t *testing.T, _ machine) {
			roottest.WriteFile(t, node.StatePath("/var/lib/kubelet/pki/kubelet-client-current.pem"), "")
		}, StateRunning, []string{"the certificate kubelet-client cannot be read"}},
		{"a renewal that was cut", "{}", func(t *testing.T, _ machine) {
			roottest.WriteFile(t, node.StateDir+"/certificates.before/etc/kubernetes/admin.conf", "")
		}, StateRunning, []string{"the renewal of the certificates was interrupted"}},
		{"half made", "{}", func(t *testing.T, _ machine) {
			if err := (steps.Steps{Begun: "images"}).Save(); err != nil {
				t.Fatal(err)
			}
		}, StateUnfinished, []string{"phase images is not completed"}},
		{"stopped", "{}", func(_ *testing.T, m machine) {
			for _, s := range services.Of(m.node) {
				m.systemd.Forget(s.Unit)
			}
		}, StateStopped, nil},
		{"stopped by a certificate", "{}", func(t *testing.T, m machine) {
			for _, s := range services.Of(m.node) {
				m.systemd.Forget(s.Unit)
			}
			roottest.WriteFile(t, node.StatePath("/var/lib/kubelet/pki/kubelet-client-current.pem"), "")
		}, StateStopped, []string{"the certificate kubelet-client cannot be read"}},
		{"reset by kubeadm", "{}", func(t *testing.T, _ machine) {
			if err := os.Remove(node.StatePath(node.KubeletConf)); err != nil {
				t.Fatal(err)
			}
		}, StateRunning, []string{"no credentials in its cluster"}},
		{"removed", "{}", func(t *testing.T, m machine) {
			for _, s := range services.Of(m.node) {
				m.systemd.Forget(s.Unit)
			}
			roottest.WriteFile(t, node.RemovedFile, "{}")
		}, StateRemoved, []string{"this machine was removed from its cluster"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := playMachine(t, c.answers)
			m.runs()
			c.change(t, m)
			o, err := Get(t.Context())
			if err != nil || o.State != c.state || o.Name != "w1" {
				t.Errorf("%+v, %v", o, err)
			}
			got := faultsOf(o)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("not found: %q in\n%s", want, got)
				}
			}
			if c.want == nil && got != "" {
				t.Errorf("found: %s", got)
			}
		})
	}
}

// TestGetFails where what is noted can't be read, or nobody answers for the
// services.
func TestGetFails(t *testing.T) {
	m := playMachine(t, "{}")
	m.runs()
	roottest.WriteFile(t, m.systemd.Dir+"/u7s/ports.json", "{")
	if _, err := Get(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "reading the ports: ") {
		t.Errorf("%v", err)
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := Get(t.Context()); err == nil || !strings.Contains(err.Error(), "connecting to systemd") {
		t.Errorf("%v", err)
	}
	for _, path := range []string{node.NodeFile, node.CopyOf(node.NodeFile)} {
		roottest.WriteFile(t, path, "{")
	}
	if _, err := Get(t.Context()); err == nil {
		t.Error("a damaged node has a status")
	}
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if o, err := Get(t.Context()); err != nil || o.State != StateNone {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestPartsOfAControlPlane: by its manifests it is known which there are.
func TestPartsOfAControlPlane(t *testing.T) {
	m := playMachine(t, `{"u7s-etcd.service":"no disk"}`)
	m.node.APIPort = 6443
	m.runs()
	m.systemd.Set(units.Component("etcd"), map[string]any{"ActiveState": "active"})
	roottest.WriteFile(t, node.StatePath(node.ManifestsDir)+"/etcd.yaml", "spec: {containers: [{name: etcd}]}\n")
	manager, err := node.UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	parts, err := LookAtParts(t.Context(), manager, m.node)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(parts, func(p Part) bool { return p.Unit == units.Component("etcd") })
	if at < 0 || parts[at].answer.String() != "no disk" {
		t.Errorf("%+v", parts)
	}
}
