package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
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

const (
	oneImage   = `[{"Config":"c.json","RepoTags":["r.test/a:1","b"],"Layers":["l/layer.tar"]}]`
	ownMachine = `{"architecture":"` + runtime.GOARCH + `"}`
)

func TestReadArchive(t *testing.T) {
	want := []ArchivedImage{{Names: []string{"r.test/a:1", "docker.io/library/b:latest"}, Architecture: runtime.GOARCH}}
	for name, entries := range map[string][]string{
		"table first":                                 {"manifest.json", oneImage, "c.json", ownMachine, "l/layer.tar", "x"},
		"table last, as docker writes":                {"l/layer.tar", strings.Repeat("x", 70000), "c.json", ownMachine, "manifest.json", oneImage},
		"made by tar of a folder":                     {"./c.json", ownMachine, "./l/layer.tar", "x", "./manifest.json", oneImage},
		"an OCI layout as well, as new docker writes": {"oci-layout", "{}", "index.json", "{}", "manifest.json", oneImage, "c.json", ownMachine, "l/layer.tar", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			data := tarOf(t, entries...)
			images, err := archiveReader{"a.tar", bytes.NewReader(data), int64(len(data))}.images()
			if err != nil || !reflect.DeepEqual(images, want) {
				t.Errorf("got %+v, %v", images, err)
			}
		})
	}
}

func TestReadArchiveRefuses(t *testing.T) {
	whole := tarOf(t, "manifest.json", oneImage, "c.json", ownMachine, "l/layer.tar", strings.Repeat("x", 70000))
	for _, c := range []struct {
		name, says, remedy string
		data               []byte
	}{
		{"nothing", "empty", "skopeo copy", nil},
		{"a text", "not a docker archive", "skopeo copy", []byte("not a tar file, but long enough to be looked at")},
		{"a long text", "not a docker archive", "skopeo copy", []byte(strings.Repeat("no tar file\n", 1000))},
		{"gzip", "compressed by gzip", "gunzip a.tar", []byte("\x1f\x8b\x08\x00")},
		{"zstd", "compressed by zstd", "unzstd a.tar", []byte("\x28\xb5\x2f\xfd")},
		{"xz", "compressed by xz", "unxz a.tar", []byte("\xfd7zXZ\x00")},
		{"bzip2", "compressed by bzip2", "bunzip2 a.tar", []byte("BZh91AY")},
		{"cut in a layer", "truncated", "copy the file again", whole[:20000]},
		{"cut between two files", `lacks "l/layer.tar"`, "copy the file again", whole[:2048]},
		{"a root file system", "no manifest.json", "skopeo copy", tarOf(t, "etc/passwd", "root")},
		{"an OCI archive", "OCI archive", "oci-archive:a.tar", tarOf(t, "oci-layout", "{}", "index.json", "{}")},
		{"a broken table", "manifest.json", "skopeo copy", tarOf(t, "manifest.json", "{")},
		{"a table without end", "manifest.json", "skopeo copy", tarOf(t, "manifest.json", "["+strings.Repeat(" ", tableLimit)+"]")},
		{"an image without its configuration", `lacks "c.json"`, "copy the file again", tarOf(t, "manifest.json", oneImage, "l/layer.tar", "x")},
		{"a broken configuration", "damaged", "copy the file again", tarOf(t, "manifest.json", oneImage, "c.json", "x", "l/layer.tar", "x")},
		{"no names", "has a name", "skopeo copy", tarOf(t, "manifest.json", `[{"Config":"c.json"}]`, "c.json", ownMachine)},
		{"no name of an image", `"A b" in it is not a valid image name`, "skopeo copy", tarOf(t, "manifest.json", `[{"Config":"c.json","RepoTags":["A b"]}]`, "c.json", ownMachine)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := archiveReader{"a.tar", bytes.NewReader(c.data), int64(len(c.data))}.images()
			var f *host.Fault
			if !errors.As(err, &f) || !strings.Contains(err.Error(), c.says) || !strings.Contains(f.Remedy.String(), c.remedy) {
				t.Errorf("got %v, %+v", err, f)
			}
		})
	}
}

// TestReadArchives: two runs share a descriptor, and so its offset. What is no
// plain file does not hold anybody up.
func TestReadArchives(t *testing.T) {
	folder := t.TempDir()
	good, pipe := filepath.Join(folder, "good.tar"), filepath.Join(folder, "pipe")
	if err := os.WriteFile(good, tarOf(t, "manifest.json", oneImage, "c.json", ownMachine, "l/layer.tar", "x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for _, name := range []string{good, pipe, folder} {
		file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close() //nolint:errcheck // it was only read
		files = append(files, file)
	}
	for range 2 {
		all := ReadArchives([]string{"good.tar", "pipe", "oci"}, files)
		if all[0].Err != nil || len(all[0].Names()) != 2 {
			t.Errorf("%+v", all[0])
		}
		for i, says := range map[int]string{1: `"pipe": it is not a regular file`, 2: `"oci": it is a directory`} {
			if all[i].Err == nil || !strings.Contains(all[i].Err.Error(), says) || host.AsFault(all[i].Err).Remedy.Empty() {
				t.Errorf("%+v", all[i])
			}
		}
	}
}

func FuzzReadArchive(f *testing.F) {
	f.Add([]byte("\x1f\x8b"))
	f.Add([]byte("manifest.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		images, err := archiveReader{"a.tar", bytes.NewReader(data), int64(len(data))}.images()
		if err == nil && len(Archive{Images: images}.Names()) == 0 {
			t.Error("an archive without names was taken")
		}
	})
}
