package deps_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/rpmpack"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// A pkg is a package of a test repository.
type pkg struct {
	name, epoch, version string
	provides             []string // "NAME" or "NAME = VERSION-RELEASE"
	conflicts            []string // as provides, and with other comparisons
	arch                 string   // x86_64 when ""
}

func (p pkg) file() string { return p.name + "-" + p.version + "-alt1.x86_64.rpm" }

// bytes makes the RPM.
func (p pkg) bytes(t testing.TB) []byte {
	t.Helper()
	meta := rpmpack.RPMMetaData{
		Name: p.name, Version: p.version, Release: "alt1", Epoch: rpmpack.NoEpoch, Arch: "x86_64",
		Description: "a test", Summary: "a test", Licence: "Apache-2.0",
		Provides: relations(t, p.provides), Conflicts: relations(t, p.conflicts),
	}
	if p.epoch != "" {
		epoch, err := strconv.ParseUint(p.epoch, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		meta.Epoch = uint32(epoch)
	}
	file, err := rpmpack.NewRPM(meta)
	if err != nil {
		t.Fatal(err)
	}
	file.AddFile(rpmpack.RPMFile{
		Name: "/usr/share/" + p.name, Body: bytes.Repeat([]byte(p.name), 100), Mode: 0o644, Owner: "root", Group: "root",
	})
	var out bytes.Buffer
	if err := file.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func relations(t testing.TB, all []string) rpmpack.Relations {
	t.Helper()
	var relations rpmpack.Relations
	for _, text := range all {
		if err := relations.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	return relations
}

// folderOf lays packages into a folder without metadata.
func folderOf(t testing.TB, all []pkg) string {
	t.Helper()
	folder := t.TempDir()
	for _, p := range all {
		write(t, filepath.Join(folder, p.file()), p.bytes(t))
	}
	return folder
}

// describe gives a folder of packages its metadata, packed by pack.
func describe(t testing.TB, folder string, all []pkg, pack func(testing.TB, []byte) []byte) {
	t.Helper()
	var primary bytes.Buffer
	primary.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm">`)
	for _, p := range all {
		describePackage(t, &primary, p, filepath.Join(folder, p.file()))
	}
	primary.WriteString(`</metadata>`)
	packed := pack(t, primary.Bytes())
	write(t, filepath.Join(folder, "repodata", "primary.xml"), packed)
	write(t, filepath.Join(folder, "repodata", "repomd.xml"), fmt.Appendf(nil,
		`<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="filelists"><location href="nowhere"/></data>`+
			`<data type="primary"><checksum type="sha256">%x</checksum><location href="repodata/primary.xml"/></data></repomd>`,
		sha256.Sum256(packed)))
}

func describePackage(t testing.TB, w *bytes.Buffer, p pkg, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(fmt.Appendf(nil, `<package type="rpm"><name>%s</name><arch>%s</arch><version epoch="%s" ver="%s" rel="alt1"/>`+
		`<checksum type="sha256" pkgid="YES">%x</checksum><location href="%s"/><format><rpm:provides>`,
		p.name, cmp.Or(p.arch, "x86_64"), cmp.Or(p.epoch, "0"), p.version, sha256.Sum256(data), p.file()))
	for _, provided := range append([]string{p.name}, p.provides...) {
		name, _, _ := bytes.Cut([]byte(provided), []byte(" "))
		w.WriteString(`<rpm:entry name="`)
		if err := xml.EscapeText(w, name); err != nil {
			t.Fatal(err)
		}
		w.WriteString(`"/>`)
	}
	w.WriteString(`</rpm:provides></format></package>`)
}

func plain(_ testing.TB, data []byte) []byte { return data }

func gzipped(t testing.TB, data []byte) []byte {
	return packed(t, data, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func xzipped(t testing.TB, data []byte) []byte {
	return packed(t, data, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
}

func zstandard(t testing.TB, data []byte) []byte {
	return packed(t, data, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
}

func packed(t testing.TB, data []byte, with func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := with(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// serve puts a folder on a local web server and returns its URL.
func serve(t testing.TB, folder string) string {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(server.Close)
	return server.URL
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
