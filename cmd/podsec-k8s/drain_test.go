package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// playKubectl plays a kubectl that notes its calls, ends as the shell text says for
// each, and prints the pods that are given.
func playKubectl(t *testing.T, text, pods string) (k kubectl, calls func() string) {
	t.Helper()
	dir := t.TempDir()
	k = kubectl{filepath.Join(dir, "kubectl"), []string{"PATH=/usr/bin:/bin", "KUBECONFIG=/root/x"}}
	program := "#!/bin/sh\necho \"$@\" >> " + dir + "/calls\ncase \"$*\" in\n\"get pods \"*) cat " + dir + "/pods ;;\n" + text + "\nesac\n"
	for name, content := range map[string]string{"kubectl": program, "pods": pods, "calls": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	return k, func() string {
		data, err := os.ReadFile(filepath.Join(dir, "calls"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}

// silentPrinter has a buffer for each of both outputs: programs write to both at once.
func silentPrinter() (p *printer, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return newPrinter(out, errs, func(string) string { return "" }), out, errs
}

// TestDrain: a drain that ends well says what kubectl says.
func TestDrain(t *testing.T) {
	p, out, errs := silentPrinter()
	k, calls := playKubectl(t, `"drain "*) echo node/w1 drained; echo of the error output >&2 ;;`, "")
	if err := k.drain(t.Context(), p, "w1", []string{"--timeout=1m0s"}); err != nil {
		t.Fatal(err)
	}
	if got := calls(); got != "drain w1 --timeout=1m0s\n" || !strings.Contains(out.String(), "node/w1 drained") || !strings.Contains(errs.String(), "of the error output") {
		t.Errorf("called %q, said %q and %q", got, out, errs)
	}
}

// TestDrainFault: the pods that are left are named with why, and the remedy is that
// of the reason.
func TestDrainFault(t *testing.T) {
	pod := func(more string) string {
		return `{"items":[{"metadata":{"namespace":"shop","name":"web"` + more + `}},
			{"metadata":{"namespace":"kube-system","name":"etcd-w1","annotations":{"kubernetes.io/config.mirror":"x"}}},
			{"metadata":{"namespace":"kube-system","name":"agent","ownerReferences":[{"kind":"DaemonSet"}]}},
			{"metadata":{"namespace":"shop","name":"job"},"status":{"phase":"Succeeded"}}]}`
	}
	const held = `echo "error when evicting pods/\"web\" -n \"shop\" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget." >&2; `
	for _, c := range []struct {
		name, said, pods, want, remedy string
	}{
		{"a budget", held, pod(""), "node w1 is not empty: pod shop/web: a PodDisruptionBudget does not allow its eviction", "--namespace shop get poddisruptionbudgets"},
		{"a budget of another pod", strings.ReplaceAll(held, "web", "db"), pod(""), "node w1 is not empty: pod shop/web", "kubectl says above"},
		{"one that takes its time", "", pod(`,"deletionTimestamp":"2026-01-02T03:04:05Z"`), "node w1 is not empty: pod shop/web has not ended yet", "--timeout TIME"},
		{"one without a controller", "echo '(use --force to override)' >&2; ", pod(""), "node w1 is not empty: pod shop/web", "which of --force and --delete-emptydir-data"},
		{"nothing is left", "echo gone >&2; ", `{"items":[]}`, "draining node w1: kubectl: exit status 1: gone", "run the same command again"},
		{"no answer", "echo unreachable >&2; ", `{`, "kubectl: exit status 1: unreachable", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _, _ := silentPrinter()
			k, _ := playKubectl(t, `"drain "*) `+c.said+`exit 1 ;;`, c.pods)
			err := k.drain(t.Context(), p, "w1", nil)
			if err == nil || err.Error() != c.want {
				t.Errorf("%v", err)
			}
			var f *host.Fault
			if errors.As(err, &f) != (c.remedy != "") || f != nil && !strings.Contains(f.Remedy.String(), c.remedy) {
				t.Errorf("remedy %v", f)
			}
		})
	}
}

// TestCheckOwn: nothing begins by a kubeconfig of another cluster, or of someone who
// may not delete the node.
func TestCheckOwn(t *testing.T) {
	s := usernetes.LeaveState{Address: "192.0.2.11"}
	s.Name = "w1"
	node := func(address string) string {
		return `"get node w1 "*) echo '{"status":{"addresses":[{"type":"InternalIP","address":"` + address + `"}]}}' ;;`
	}
	for _, c := range []struct{ name, text, want string }{
		{"well", node("192.0.2.11") + "\n\"auth can-i delete node/w1 \"*) ;;", ""},
		{"another cluster", node("192.0.2.12"), "the kubeconfig leads to another cluster"},
		{"no right", node("192.0.2.11") + "\n\"auth \"*) exit 1 ;;", "the kubeconfig gives no right to delete node w1"},
		{"no such node", `"get node "*) echo 'nodes "w1" not found' >&2; exit 1 ;;`, `asking the cluster for node w1: kubectl: exit status 1: nodes "w1" not found`},
		{"nonsense", `"get node "*) echo nonsense ;;`, "asking the cluster for node w1: "},
	} {
		k, _ := playKubectl(t, c.text, "")
		if err := k.checkOwn(t.Context(), s); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestDeleteNode: it may be gone already, or not go.
func TestDeleteNode(t *testing.T) {
	p, _, _ := silentPrinter()
	k, calls := playKubectl(t, "", "")
	if err := k.deleteNode(t.Context(), p, "w1"); err != nil || calls() != "delete node w1 --ignore-not-found\n" {
		t.Errorf("%v, %s", err, calls())
	}
	k, _ = playKubectl(t, `"delete "*) exit 1 ;;`, "")
	if err := k.deleteNode(t.Context(), p, "w1"); err == nil || !strings.HasPrefix(err.Error(), "removing the node from the cluster: ") {
		t.Errorf("%v", err)
	}
}
