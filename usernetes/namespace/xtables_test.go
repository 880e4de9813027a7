package namespace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestPreferLegacy: iptables' older implementation takes the place of the other,
// where it works.
func TestPreferLegacy(t *testing.T) {
	dir := program(t, xtablesNFT, "echo nft")
	roottest.WriteFile(t, dir+"/"+xtablesLegacy, "#!/bin/sh\nexit 1\n")
	if err := os.Symlink(xtablesNFT, dir+"/iptables"); err != nil {
		t.Fatal(err)
	}
	x, err := findXtables()
	if err != nil || x.program != dir+"/"+xtablesNFT || x.folder != dir {
		t.Fatalf("%+v, %v", x, err)
	}
	uses := func(want string) {
		t.Helper()
		text, err := os.ReadFile(x.program)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%q, %v", text, err)
		}
	}
	for range 2 {
		if err := x.preferLegacy(t.Context()); err != nil {
			t.Error(err)
		}
		uses("echo nft")
	}
	if !x.told {
		t.Error("nobody was told that the older one does not work")
	}
	roottest.WriteFile(t, dir+"/"+xtablesLegacy, "#!/bin/sh\n: legacy\n")
	for range 2 { // the second time it is there
		if err := x.preferLegacy(t.Context()); err != nil {
			t.Error(err)
		}
		uses(": legacy")
	}
	if err := unix.Unmount(x.program, 0); err != nil {
		t.Errorf("it is mounted once: %v", err)
	}
	uses("echo nft")
}

// TestAnotherIptables: one that is neither is left as it is.
func TestAnotherIptables(t *testing.T) {
	dir := program(t, "iptables", "")
	x, err := findXtables()
	if err != nil || x.program != "" || x.folder != filepath.Dir(dir+"/iptables") {
		t.Fatalf("%+v, %v", x, err)
	}
	if err := x.preferLegacy(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := findXtables(); err == nil {
		t.Error("without iptables")
	}
}
