package node

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestTidyState: what cut runs have left goes, and nothing else.
func TestTidyState(t *testing.T) {
	noNode(t)
	if err := os.MkdirAll(StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	stay := []string{"node.json", "node.json.copy", "image-1.tar.old", ".image-1.tar"}
	for _, name := range append(stay, ".node.json7", ".steps.json.copy12", "image-1.tar") {
		if err := os.WriteFile(filepath.Join(StateDir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := TidyState(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(StateDir)
	if err != nil || len(entries) != len(stay) {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// TestDamagedState: where both copies are damaged, the error says which file.
func TestDamagedState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	if err := errors.Join(os.WriteFile(path, []byte("{"), 0o600), os.WriteFile(CopyOf(path), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedError
	err := LoadState(path, &struct{}{})
	if !errors.As(err, &damaged) || errors.Unwrap(damaged) == nil || damaged.Error() != `"`+path+`" is damaged: unexpected end of JSON input` {
		t.Errorf("%v", err)
	}
}

// TestWriteChanged: a file that is as it is to be is not written again.
func TestWriteChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "x")
	var infos []os.FileInfo
	for _, text := range []string{"a", "a", "b"} {
		if err := WriteChanged(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		infos = append(infos, info)
	}
	if !os.SameFile(infos[0], infos[1]) || os.SameFile(infos[1], infos[2]) {
		t.Error("the wrong ones were written")
	}
}
