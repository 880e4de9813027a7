package usernetes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// tarOf makes a tar file of names and texts, in their order.
func tarOf(t *testing.T, entries ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(entries); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: entries[i], Mode: 0o644, Size: int64(len(entries[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(entries[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const oneImage = `[{"Config":"c.json","RepoTags":["r/a:1","r/b:1"],"Layers":["l.tar"]}]`

func TestImageNames(t *testing.T) {
	first := tarOf(t, "manifest.json", oneImage, "c.json", "{}", "l.tar", strings.Repeat("x", 5000))
	for name, data := range map[string][]byte{
		"the table first": first,
		"the table last":  tarOf(t, "l.tar", "x", "c.json", "{}", "manifest.json", oneImage),
		"both forms":      tarOf(t, "oci-layout", "{}", "l.tar", "x", "c.json", "{}", "manifest.json", oneImage),
	} {
		names, err := imageNames(bytes.NewReader(data))
		if want := []string{"r/a:1", "r/b:1"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("%s: %q, %v", name, names, err)
		}
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(first); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, says, remedy string
		data               []byte
	}{
		{"no table", "no manifest.json", "skopeo copy", tarOf(t, "layer.tar", "x")},
		{"broken table", "no docker archive", "skopeo copy", tarOf(t, "manifest.json", "{")},
		{"no names", "none of its images has a name", "skopeo copy", tarOf(t, "manifest.json", `[{"Config":"c","RepoTags":null}]`, "c", "{}")},
		{"text", "no docker archive", "skopeo copy", []byte("not a tar file, but long enough to be looked at")},
		{"empty", "no manifest.json", "skopeo copy", nil},
		{"cut in a layer", "cut short", "anew", first[:4000]},
		{"a layer is missing", `lacks "l.tar"`, "anew", tarOf(t, "manifest.json", oneImage, "c.json", "{}")},
		{"OCI", "OCI archive", "oci-archive", tarOf(t, "oci-layout", "{}", "index.json", "{}")},
		{"gzip", "compressed", "gunzip", packed.Bytes()},
		{"xz", "compressed", "unxz", []byte("\xfd7zXZ\x00 and so on")},
		{"zstd", "compressed", "unzstd", []byte("\x28\xb5\x2f\xfd and so on")},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := imageNames(bytes.NewReader(c.data))
			var f *host.Fault
			if !errors.As(err, &f) || !strings.Contains(err.Error(), c.says) || !strings.Contains(f.Remedy, c.remedy) {
				t.Errorf("got %v, %+v", err, f)
			}
		})
	}
}

// TestReadArchives: every file is looked into and left at its beginning, and what
// is no plain file does not hold anybody up.
func TestReadArchives(t *testing.T) {
	good, pipe := filepath.Join(t.TempDir(), "good.tar"), filepath.Join(t.TempDir(), "pipe")
	if err := os.WriteFile(good, tarOf(t, "manifest.json", oneImage, "c.json", "{}", "l.tar", "x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for _, name := range []string{good, pipe} {
		file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close() //nolint:errcheck // it was only read
		files = append(files, file)
	}
	all := ReadArchives([]string{"good.tar", "pipe"}, files)
	if at, err := files[0].Seek(0, 1); all[0].Err != nil || len(all[0].Images) != 2 || at != 0 || err != nil {
		t.Errorf("%+v, at %d, %v", all[0], at, err)
	}
	if all[1].Err == nil || !strings.Contains(all[1].Err.Error(), "no plain file") {
		t.Errorf("%+v", all[1])
	}
}

func FuzzImageNames(f *testing.F) {
	f.Add([]byte("\x1f\x8b"))
	f.Add([]byte(oneImage))
	f.Fuzz(func(_ *testing.T, data []byte) {
		imageNames(bytes.NewReader(data)) //nolint:errcheck // that it ends is all
	})
}
