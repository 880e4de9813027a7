package images

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestReferences: an image has each tag that the suite asks for, and what no registry
// of the suite's gives has none.
func TestReferences(t *testing.T) {
	const manifest = `
	configs[AgnhostPrivate] = Config{list.PrivateRegistry, "agnhost", "2.6"}
	configs[Agnhost] = Config{list.PromoterE2eRegistry, "agnhost", "2.56"}
	configs[Etcd]                     = Config{list.GcEtcdRegistry, "etcd", "3.6.4-0"}
	configs[Nginx] = Config{list.PromoterE2eRegistry, "nginx", "1.14-4"}
	configs[NginxNew] = Config{list.PromoterE2eRegistry, "nginx", "1.15-4"}
`
	for name, want := range map[string][]string{
		"agnhost": {"registry.k8s.io/e2e-test-images/agnhost:2.56"},
		"etcd":    {"registry.k8s.io/etcd:3.6.4-0"},
		"nginx":   {"registry.k8s.io/e2e-test-images/nginx:1.14-4", "registry.k8s.io/e2e-test-images/nginx:1.15-4"},
		"perl":    nil,
	} {
		if got := references(manifest, name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestLayers: an image has the layers that it was given, in their order; images share
// them; and a program that changes its user keeps the right to.
func TestLayers(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "program")
	if err := os.WriteFile(binary, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	var layers []string
	for name, entries := range map[string][]entry{
		"low.layer":  {{name: "bin/", mode: 0o755}, {name: "bin/sh", mode: 0o777, link: "busybox"}},
		"high.layer": suiteImage{programs: map[string]program{"nnp": {fromHere, "program", 0o6755}}}.entries(map[source]string{fromHere: dir}),
	} {
		if err := writeTarFile(filepath.Join(dir, name), entries); err != nil {
			t.Fatal(err)
		}
	}
	layers = []string{filepath.Join(dir, "low.layer"), filepath.Join(dir, "high.layer")}
	archive := filepath.Join(dir, "image.tar")
	both := []layered{{"r/a:1", settings{Cmd: []string{"nnp"}}, layers}, {"r/b:1", settings{}, layers[:1]}}
	if err := writeImages(archive, both); err != nil {
		t.Fatal(err)
	}
	var manifest []struct {
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(read(t, archive)["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 2 || !slices.Equal(manifest[0].RepoTags, []string{"r/a:1"}) || len(manifest[0].Layers) != 2 ||
		!slices.Equal(manifest[1].Layers, manifest[0].Layers[:1]) {
		t.Fatalf("manifest: %+v", manifest)
	}
	if files := read(t, archive); len(files) != 5 {
		t.Errorf("%d files: a layer that both have is in it once", len(files))
	}
	for i, layer := range layers {
		text, err := os.ReadFile(layer)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, archive)[manifest[0].Layers[i]]; string(got) != string(text) {
			t.Errorf("layer %d is not what was given", i)
		}
	}
	file, err := os.Open(layers[1])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	if header, err := tar.NewReader(file).Next(); err != nil || header.Mode != 0o6755 || header.Size != 1 {
		t.Errorf("the program: %+v, %v", header, err)
	}
}

// read returns what the files of an archive hold.
func read(t *testing.T, archive string) map[string][]byte {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	all := map[string][]byte{}
	for from := tar.NewReader(file); ; {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if all[header.Name], err = io.ReadAll(from); err != nil {
			t.Fatal(err)
		}
	}
}
