package namespace

import (
	"os"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMendHostPorts: rules of CRI-O's that were flushed are loaded again, as they
// were.
func TestMendHostPorts(t *testing.T) {
	dir := program(t, "iptables-restore", `cat > "$(dirname "$0")/loaded"`)
	h := &hostPortRules{}
	if err := h.mend(t.Context(), natRules); err != nil {
		t.Fatal(err)
	}
	saved := h.iptables
	if err := h.mend(t.Context(), without(natRules, "-A KUBE-HOSTPORTS")); err != nil {
		t.Fatal(err)
	}
	loaded, err := os.ReadFile(dir + "/loaded")
	if err != nil || !strings.Contains(string(loaded), "-A KUBE-HOSTPORTS -p tcp -m tcp --dport 9080 -j KUBE-HP-") || strings.Contains(string(loaded), "-A PREROUTING") || h.iptables != saved {
		t.Errorf("loaded %q, %v", loaded, err)
	}
	if err := (&hostPortRules{}).mend(t.Context(), without(natRules, "-A KUBE-HOSTPORTS")); err == nil {
		t.Error("rules that nobody knows were mended")
	}
	program(t, "iptables-restore", "exit 1")
	if err := h.mend(t.Context(), without(natRules, "-A KUBE-HOSTPORTS")); err == nil {
		t.Error("rules that were not loaded were mended")
	}
}

// TestMendHostPortsTable: the same of a CRI-O that uses nftables.
func TestMendHostPortsTable(t *testing.T) {
	t.Setenv("PATH", "/usr/bin:/bin")
	h := &hostPortRules{}
	if err := h.mend(t.Context(), ""); err != nil {
		t.Errorf("without nft: %v", err)
	}
	dir := program(t, "nft", `cd "$(dirname "$0")"; if [ "$1" = list ]; then cat table; else cat > table; fi`)
	roottest.WriteFile(t, dir+"/table", "table ip crio-hostports {}\n")
	for range 2 {
		if err := h.mend(t.Context(), ""); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(dir + "/table"); err != nil || string(text) != "table ip crio-hostports {}\n" {
			t.Errorf("%q, %v", text, err)
		}
		if err := os.Remove(dir + "/table"); err != nil {
			t.Fatal(err)
		}
	}
}
