package veth

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestProveRefusesWhatIsNoNamespaceOfTheUser(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file.Name(), "/proc/self/ns/mnt", "/proc/self/ns/net"} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := Prove(int(f.Fd()), 4294967294); !errors.Is(err, errNotTheirs) {
			t.Errorf("%s: %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
