package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// contents is what a backup of a test has.
func contents() map[string]string {
	all := map[string]string{SiteFolder + "node.conf": "NETWORK=veth\n"}
	for _, name := range required() {
		all[name] = "content of " + name
	}
	all[Snapshot] = strings.Repeat("etcd", 300)
	return all
}

func describe(name, text string) File {
	sum := sha256.Sum256([]byte(text))
	return File{name, int64(len(text)), hex.EncodeToString(sum[:])}
}

// manifest is that of some contents.
func manifest(all map[string]string) Manifest {
	m := Manifest{
		Created: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC), PodsecK8s: "0.4.0", Kubernetes: "v1.34.4", Etcd: "3.6.4",
		Node: "m1", Address: netip.MustParseAddr("192.0.2.10"), Revision: 7, Keys: 5,
	}
	for _, name := range append(required(), PolicyName, SiteFolder+"node.conf") {
		if text, ok := all[name]; ok {
			m.Files = append(m.Files, describe(name, text))
		}
	}
	return m
}

// written is a backup.
func written(t *testing.T, m Manifest, all map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, m)
	for _, f := range m.Files {
		if err == nil {
			err = w.Add(f.Name, strings.NewReader(all[f.Name]))
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read reads a backup as whoever restores it does.
func read(data []byte) (map[string][]byte, error) {
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return r.Check(KubeadmName, NodeName)
}

func TestBackupComesBack(t *testing.T) {
	all := contents()
	data := written(t, manifest(all), all)
	kept, err := read(data)
	if err != nil || string(kept[NodeName]) != all[NodeName] || len(kept) != 2 {
		t.Fatalf("%q, %v", kept, err)
	}
	r, err := NewReader(bytes.NewReader(data))
	if err != nil || r.Manifest.Node != "m1" || r.Manifest.Kind != kind {
		t.Fatalf("%+v, %v", r, err)
	}
	err = r.Each(func(f File, content io.Reader) error {
		got, err := io.ReadAll(content)
		if string(got) != all[f.Name] {
			t.Errorf("%s: %q", f.Name, got)
		}
		delete(all, f.Name)
		return err
	})
	if err != nil || len(all) != 0 {
		t.Errorf("%v, left %q", err, all)
	}
}

// TestBackupWithPolicy: the site's audit policy may be in a backup.
func TestBackupWithPolicy(t *testing.T) {
	all := contents()
	all[PolicyName] = "of the site"
	r, err := NewReader(bytes.NewReader(written(t, manifest(all), all)))
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := r.Check(PolicyName); err != nil || string(kept[PolicyName]) != "of the site" {
		t.Errorf("%q, %v", kept, err)
	}
}

// TestTarReadsIt: other programs list and unpack a backup as any archive.
func TestTarReadsIt(t *testing.T) {
	all := contents()
	r := tar.NewReader(bytes.NewReader(written(t, manifest(all), all)))
	for i := 0; ; i++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			if i != len(all)+2 {
				t.Errorf("%d entries", i)
			}
			return
		}
		if err != nil || h.Mode != 0o600 {
			t.Fatalf("%+v, %v", h, err)
		}
	}
}

// TestEveryByteCounts: no byte can differ, and none can be missing at the end. Some
// bytes of each block stand for all.
func TestEveryByteCounts(t *testing.T) {
	all := contents()
	data := written(t, manifest(all), all)
	for at := 0; at < len(data); at += 97 {
		flipped := bytes.Clone(data)
		flipped[at] ^= 1
		if _, err := read(flipped); err == nil || host.AsFault(err).Remedy.Empty() {
			t.Fatalf("byte %d is flipped: %v", at, err)
		}
		if _, err := read(data[:at]); err == nil || host.AsFault(err).Remedy.Empty() {
			t.Fatalf("cut at byte %d: %v", at, err)
		}
	}
	if _, err := read(append(data, 0)); err == nil {
		t.Error("more follows")
	}
}

// entries is an archive of what a test says.
func entries(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		text := h.Linkname
		if h.Typeflag == 0 {
			h.Linkname, h.Size = "", int64(len(text))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == 0 {
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.Bytes()
}

func manifestText(t *testing.T, m any) string {
	t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestRefusals: what is no backup of ours is told apart, and says what to do.
func TestRefusals(t *testing.T) {
	all := contents()
	good := manifest(all).stamped()
	spoiled := func(spoil func(*Manifest)) []byte {
		m := good
		m.Files = append([]File{}, good.Files...)
		spoil(&m)
		return entries(t, tar.Header{Name: ManifestName, Linkname: manifestText(t, m)})
	}
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"empty", nil, "is not a backup"},
		{"a text", []byte(strings.Repeat("hello\n", 1000)), "is not a backup"},
		{"another archive", entries(t, tar.Header{Name: "etc/passwd", Linkname: "root"}), "is not a backup"},
		{"a manifest of something else", entries(t, tar.Header{Name: ManifestName, Linkname: `{"kind":"NodeStatus","apiVersion":"podsec-k8s/v1"}`}), "is not a backup"},
		{"a link", entries(t, tar.Header{Name: ManifestName, Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}), "damaged"},
		{"a newer form", spoiled(func(m *Manifest) { m.APIVersion = "podsec-k8s/v2" }), "a newer podsec-k8s made this backup"},
		{"no form", spoiled(func(m *Manifest) { m.APIVersion = "podsec-k8s/v0" }), "is not a backup"},
		{"an unknown field", entries(t, tar.Header{Name: ManifestName, Linkname: `{"kind":"ClusterBackup","apiVersion":"podsec-k8s/v1","more":1}`}), "unknown field"},
		{"a path upwards", spoiled(func(m *Manifest) { m.Files[0].Name = "../../etc/shadow" }), "is not one of a backup"},
		{"a path upwards of the site", spoiled(func(m *Manifest) { m.Files[0].Name = SiteFolder + "../../x" }), "is not one of a backup"},
		{"an absolute path", spoiled(func(m *Manifest) { m.Files[0].Name = "/etc/shadow" }), "is not one of a backup"},
		{"a file twice", spoiled(func(m *Manifest) { m.Files = append(m.Files, m.Files[0]) }), "is there twice"},
		{"no key", spoiled(func(m *Manifest) { m.Files = m.Files[:3] }), "pki/ca.crt is missing"},
		{"a key that fills the disk", spoiled(func(m *Manifest) { m.Files[0].Size = maxSmall + 1 }), "is too large"},
		{"a snapshot that fills the disk", spoiled(func(m *Manifest) { m.Files[2].Size = maxSnapshot + 1 }), "is too large"},
		{"a negative size", spoiled(func(m *Manifest) { m.Files[0].Size = -1 }), "is too large"},
		{"many files", spoiled(func(m *Manifest) { m.Files = make([]File, maxFiles+1) }), "too many files"},
		{"a version of no form", spoiled(func(m *Manifest) { m.Kubernetes = "\x1b[2J" }), "is not a version"},
		{"an odd path outside", spoiled(func(m *Manifest) { m.Outside = []string{"/a\x1b[2J"} }), "names paths that are none"},
		{"no name of a node", spoiled(func(m *Manifest) { m.Node = "a b" }), "has a wrong value"},
		{"a manifest that fills the memory", entries(t, tar.Header{Name: ManifestName, Linkname: strings.Repeat(" ", maxManifest+1)}), "is not one of a backup"},
		{"another order", entries(t, tar.Header{Name: ManifestName, Linkname: manifestText(t, good)}, tar.Header{Name: Snapshot, Linkname: all[Snapshot]}), "is not the next file"},
		{"a link among the files", entries(t, tar.Header{Name: ManifestName, Linkname: manifestText(t, good)}, tar.Header{Name: NodeName, Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}), "is not the next file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(c.data)
			if err == nil || !strings.Contains(err.Error(), c.says) || host.AsFault(err).Remedy.Empty() {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFaultsOfTheFile: a disk that fails is not a damaged backup.
func TestFaultsOfTheFile(t *testing.T) {
	all := contents()
	data := written(t, manifest(all), all)
	failed := errors.New("no such device")
	for _, at := range []int{0, 100, 2000, len(data) - 10} {
		from := io.MultiReader(bytes.NewReader(data[:at]), failing{failed})
		r, err := NewReader(from)
		if err == nil {
			_, err = r.Check()
		}
		if !errors.Is(err, failed) || strings.Contains(err.Error(), "damaged") {
			t.Errorf("at %d: %v", at, err)
		}
	}
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Each(func(File, io.Reader) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("whoever takes it fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestWriterKeepsToTheManifest: what is not as it was described is not written.
func TestWriterKeepsToTheManifest(t *testing.T) {
	all := contents()
	if _, err := NewWriter(io.Discard, Manifest{}); err == nil {
		t.Error("an empty manifest is written")
	}
	for name, add := range map[string]func(*Writer) error{
		"another file": func(w *Writer) error { return w.Add(Snapshot, strings.NewReader(all[Snapshot])) },
		"less":         func(w *Writer) error { return w.Add(NodeName, strings.NewReader("cont")) },
		"more":         func(w *Writer) error { return w.Add(NodeName, strings.NewReader(all[NodeName]+"!")) },
		"something else": func(w *Writer) error {
			return w.Add(NodeName, strings.NewReader(strings.ToUpper(all[NodeName])))
		},
		"the end": (*Writer).Close,
	} {
		w, err := NewWriter(io.Discard, manifest(all))
		if err != nil {
			t.Fatal(err)
		}
		if err := add(w); err == nil {
			t.Errorf("%s is written", name)
		}
	}
}
