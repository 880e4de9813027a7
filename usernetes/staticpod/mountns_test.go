package staticpod

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// mountsIn names the folder of a run of this test program that becomes a
// component.
const mountsIn = "TEST_COMPONENT_MOUNTS"

// TestMountAll: a component sees its volumes, also where the node has no such
// folder, and the node sees nothing of that.
func TestMountAll(t *testing.T) {
	if dir := os.Getenv(mountsIn); dir != "" {
		if err := seeMounts(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	dir := t.TempDir()
	roottest.WriteFile(t, dir+"/source/file", "volume")
	roottest.WriteFile(t, dir+"/one", "volume")
	roottest.WriteFile(t, dir+"/target/here", "node")
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestMountAll$")
	cmd.Env = append(os.Environ(), mountsIn+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if entries, err := os.ReadDir(dir + "/target"); err != nil || len(entries) != 1 {
		t.Errorf("the node sees %v, %v", entries, err)
	}
	if text, err := os.ReadFile(dir + "/source/file"); err != nil || string(text) != "written" {
		t.Errorf("what was written to the volume is %q, %v", text, err)
	}
}

// seeMounts looks at volumes as a component does.
func seeMounts(dir string) error {
	if err := mountAll(nil); err != nil {
		return err
	}
	at := func(path string) string { return filepath.Join(dir, path) }
	if err := mountAll([]HostMount{
		{Volume: "a", source: at("source"), Target: at("target/new/folder")},
		{Volume: "b", source: at("source"), Target: at("target/second"), readOnly: true},
		{Volume: "c", source: at("one"), Target: at("target/new/file")},
		{Volume: "d", source: at("one"), Target: at("target/here")},
		{Volume: "e", source: at("none"), Target: at("target/none"), kubeadms: true},
	}); err != nil {
		return err
	}
	for path, want := range map[string]string{
		"target/new/folder/file": "volume", "target/second/file": "volume", "target/new/file": "volume", "target/here": "volume",
	} {
		if text, err := os.ReadFile(at(path)); err != nil || string(text) != want {
			return fmt.Errorf("%s is %q: %w", path, text, err)
		}
	}
	if err := os.WriteFile(at("target/second/file"), nil, 0o600); err == nil {
		return errors.New("a volume that is read-only was written to")
	}
	return os.WriteFile(at("target/new/folder/file"), []byte("written"), 0o600)
}

// TestMountAllRefuses a volume that is not there, and one that is of another type
// than its place.
func TestMountAllRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := mountAll([]HostMount{{Volume: "data", source: dir + "/none", Target: dir, Kind: PathFolder}}); err == nil || !strings.Contains(err.Error(), `volume "data"`) {
		t.Errorf("%v", err)
	}
	roottest.WriteFile(t, dir+"/file", "")
	if err := new(mountView).makePoint(dir+"/file", true); err == nil {
		t.Error("a file is a place for a folder")
	}
}
