package host

import (
	"os"
	"path/filepath"
	"testing"
)

// TestKeepPrograms: a set keeps the files that were installed, whatever a package
// manager puts in their place.
func TestKeepPrograms(t *testing.T) {
	folder := t.TempDir()
	bin, sbin, kept := filepath.Join(folder, "bin"), filepath.Join(folder, "sbin"), filepath.Join(folder, "kept", "v1.34.3")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(path, []byte(text), 0o755); err != nil { // by rename, as rpm does
			t.Fatal(err)
		}
	}
	write(bin+"/kubelet", "old")
	write(sbin+"/etcd", "etcd")
	write(bin+"/other", "other")
	if err := os.Symlink("kubelet", bin+"/kubelet-link"); err != nil {
		t.Fatal(err)
	}
	names := []string{"kubelet", "kubelet-link", "etcd", "none"}
	write(kept+draftEnd+"/rest", "of a run that was cut")
	if err := KeepPrograms(kept, []string{bin, sbin}, names); err != nil {
		t.Fatal(err)
	}
	if !SameFile(bin+"/kubelet", kept+"/kubelet") || !SameFile(bin+"/kubelet", kept+"/kubelet-link") {
		t.Error("there is no link")
	}
	write(bin+"/kubelet", "new")
	if err := KeepPrograms(kept, []string{bin, sbin}, names); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"kubelet": "old", "kubelet-link": "old", "etcd": "etcd"} {
		if got, err := os.ReadFile(filepath.Join(kept, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if entries, err := os.ReadDir(kept); err != nil || len(entries) != 3 {
		t.Errorf("kept are %v, %v", entries, err)
	}
	write(filepath.Dir(kept)+"/v1.33.1/kubelet", "")
	if err := DropPrograms(filepath.Dir(kept), "v1.34.3"); err != nil || Exists(filepath.Dir(kept)+"/v1.33.1") || !Exists(kept) {
		t.Errorf("dropping the others: %v", err)
	}
	if err := DropPrograms(folder + "/nowhere"); err != nil {
		t.Error(err)
	}
}

// TestKeepRefuses: what somebody else can write is no program of root's.
func TestKeepRefuses(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/kubelet", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder+"/kubelet", 0o777); err != nil { //nolint:gosec // that is the fault
		t.Fatal(err)
	}
	if err := KeepPrograms(folder+"/kept", []string{folder}, []string{"kubelet"}); err == nil || Exists(folder+"/kept") {
		t.Errorf("it is kept: %v", err)
	}
}

func TestCopyProgram(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/a", []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyProgram(folder+"/a", folder+"/b"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(folder + "/b")
	if err != nil || info.Mode().Perm() != 0o755 || info.Size() != 4 {
		t.Errorf("%v, %v", info, err)
	}
}
