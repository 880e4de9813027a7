package services

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// TestTableAndUnitFiles: each service has its unit file, each unit file is a service
// or what a timer starts, and both agree about what it runs.
func TestTableAndUnitFiles(t *testing.T) {
	files, err := filepath.Glob("../../units/user/*.service")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, s := range All() {
		known = append(known, s.Unit)
		text, err := os.ReadFile("../../units/user/" + s.Unit)
		if err != nil {
			t.Errorf("a service without a unit file: %v", err)
			continue
		}
		own := node.Self + " unit " + s.Name()
		commands := units.Settings(string(text))["ExecStart"]
		if len(commands) != 1 {
			t.Fatalf("%s runs %q", s.Unit, commands)
		}
		program, enters := strings.CutPrefix(commands[0], node.Self+" unit enter ")
		if runs := program == own; runs != (s.Run != nil) || !runs && !enters {
			t.Errorf("%s runs %q, and the table has a function: %v", s.Unit, commands[0], s.Run != nil)
		}
	}
	for _, file := range files {
		_, timed := os.Stat(strings.TrimSuffix(file, ".service") + ".timer")
		if timed != nil && !slices.Contains(known, filepath.Base(file)) {
			t.Errorf("%s is no service of the table", file)
		}
	}
}

// TestOf: etcd may be somewhere else, and a manifest may be missing.
func TestOf(t *testing.T) {
	var common []string
	for _, s := range All() {
		if s.Manifest == "" && s.Absent == nil {
			common = append(common, s.Unit)
		}
	}
	for _, unit := range []string{units.RootlessKit, units.CRIO, units.Kubelet, units.Flanneld, units.KubeProxy, units.Ports, units.Manifests} {
		if !slices.Contains(common, unit) {
			t.Errorf("not every node has %s", unit)
		}
	}
	for _, c := range []struct {
		name      string
		port      int
		manifests []string
		want      []string
	}{
		{"worker", 0, nil, common},
		{"control plane", 6443, staticpod.Components(), append(slices.Clone(common), "u7s-etcd.service", "u7s-kube-apiserver.service", "u7s-kube-controller-manager.service", "u7s-kube-scheduler.service")},
		{"etcd somewhere else", 6443, staticpod.Components()[1:], append(slices.Clone(common), "u7s-kube-apiserver.service", "u7s-kube-controller-manager.service", "u7s-kube-scheduler.service")},
		{"a manifest that is gone", 6443, []string{"etcd"}, append(slices.Clone(common), "u7s-etcd.service", "u7s-kube-apiserver.service", "u7s-kube-controller-manager.service", "u7s-kube-scheduler.service")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, s := range of(node.Node{APIPort: c.port}, c.manifests) {
				got = append(got, s.Unit)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestRun: only a service with a function is run, and what it lacks is told.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.99"), Kubernetes: "v1.26.3"}
	for name, want := range map[string]string{
		"x":                   "there is no service",
		"u7s-kubelet.service": "there is no service",
		"rootlesskit":         "192.0.2.99",
		"crio":                "there is no node",
		"kubelet":             "config.yaml",
		"flanneld":            node.KubeletConf,
		"kube-proxy":          "there is no node",
		"ports":               "kubelet.conf",
		"manifests":           "node.json",
		"network-policy":      "this machine cannot enforce NetworkPolicies",
		"etcd":                "etcd",
	} {
		if err := Run(ctx, name, n); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHealth: a service can be asked once its configuration says where.
func TestHealth(t *testing.T) {
	known := func() (all []string) {
		for _, s := range All() {
			if s.Health == nil {
				continue
			}
			if p, ok := s.Health(node.Node{}); ok {
				all = append(all, s.Name()+" "+p.Address)
			}
		}
		return all
	}
	if got := known(); got != nil {
		t.Errorf("before there is any: %q", got)
	}
	roottest.WriteFile(t, node.StatePath(KubeletConfig), "healthzPort: 1\n")
	roottest.WriteFile(t, node.ProxyFile, "")
	roottest.WriteFile(t, node.StatePath(node.ManifestsDir)+"/etcd.yaml", "spec: {containers: [{name: etcd, livenessProbe: {tcpSocket: {host: 127.0.0.1, port: 2}}}]}\n")
	if got := known(); !slices.Equal(got, []string{"kubelet 127.0.0.1:1", "kube-proxy 127.0.0.1:10256", "etcd 127.0.0.1:2"}) {
		t.Errorf("got %q", got)
	}
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
}

// TestLists: the pod network comes up in its order, and every program has a name.
func TestLists(t *testing.T) {
	var network []string
	for _, s := range Network() {
		network = append(network, s.Unit)
	}
	if !slices.Equal(network[:3], []string{units.Flanneld, units.KubeProxy, units.Ports}) {
		t.Errorf("got %q", network)
	}
	if slices.Contains(network, units.Policy) {
		t.Error("what is not installed is started")
	}
	for _, name := range []string{"rootlesskit", "crio", "kubelet", "flanneld", "kube-proxy", "etcd", "kube-apiserver"} {
		if !slices.Contains(Programs(), name) {
			t.Errorf("nobody looks for %s", name)
		}
	}
	if slices.Contains(Programs(), "") {
		t.Error("a program without a name is looked for")
	}
}

// TestCommandLines: each program has its own.
func TestCommandLines(t *testing.T) {
	n := node.Node{Name: "m1", Kubernetes: "v1.26.3", ImageRepository: "registry.example"}
	roottest.WriteFile(t, node.StatePath(KubeletConfig), "kind: KubeletConfiguration\n")
	roottest.WriteFile(t, node.StatePath("/var/lib/kubelet/kubeadm-flags.env"), "KUBELET_KUBEADM_ARGS=\"--node-ip=192.0.2.10\"\n")
	for name, c := range map[string]struct {
		program func() (namespace.Program, error)
		want    string
	}{
		"crio":       {func() (namespace.Program, error) { return crio(n) }, "--pause-image=registry.example/pause:"},
		"kube-proxy": {func() (namespace.Program, error) { return kubeProxy(n), nil }, "--config=" + node.ProxyFile + " --hostname-override=m1"},
		"kubelet":    {kubelet, "--config=/var/lib/kubelet/config.yaml --seccomp-default --node-ip=192.0.2.10"},
	} {
		p, err := c.program()
		if args := strings.Join(p.Args, " "); err != nil || p.Name != name || !strings.Contains(args, c.want) {
			t.Errorf("%s: %q, %v", name, args, err)
		}
	}
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if _, err := kubelet(); err == nil {
		t.Error("kubeadm has written nothing")
	}
}
