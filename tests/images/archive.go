// Package images makes docker archives of single programs, with no tool but
// this code.
package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// An entry is one file, link or folder of a tar file.
type entry struct {
	name string
	mode int64
	data []byte // nil for a folder, and for what has one of these:
	link string // of a symbolic link, where it leads
	file string // path of a file that has the contents
}

// WriteArchive writes a docker archive of one image: a program at /NAME, and
// found by that name, in an otherwise empty root. The image is named ref. The same program gives the same bytes.
// Source: the Docker image specification v1.2.
func WriteArchive(to io.Writer, ref, name string, program []byte) error {
	layer, err := layerOf(name, program)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux",
		"config":  map[string]any{"Entrypoint": []string{"/" + name}, "Env": []string{"PATH=/"}, "WorkingDir": "/"},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
		"history": []map[string]string{{"created_by": "podsec-k8s tests"}},
	})
	if err != nil {
		return fmt.Errorf("making the image's configuration: %w", err)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{ref}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return fmt.Errorf("making the archive's manifest: %w", err)
	}
	return writeTar(to, []entry{
		{name: "manifest.json", mode: 0o644, data: manifest},
		{name: "config.json", mode: 0o644, data: config},
		{name: "layer.tar", mode: 0o644, data: layer},
	})
}

func layerOf(name string, program []byte) ([]byte, error) {
	var layer bytes.Buffer
	err := writeTar(&layer, []entry{
		{name: "etc/", mode: 0o755},
		{name: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0::/:/bin/sh\n")},
		{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\n")},
		{name: "tmp/", mode: 0o1777},
		{name: name, mode: 0o755, data: program},
	})
	return layer.Bytes(), err
}

func writeTar(to io.Writer, entries []entry) error {
	w := tar.NewWriter(to)
	for _, e := range entries {
		if err := e.write(w); err != nil {
			return fmt.Errorf("writing an image archive: %w", err)
		}
	}
	return w.Close()
}

func (e entry) write(w *tar.Writer) error {
	header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.data)), Linkname: e.link, Typeflag: tar.TypeReg}
	var contents io.Reader = bytes.NewReader(e.data)
	switch {
	case e.link != "":
		header.Typeflag = tar.TypeSymlink
	case e.file != "":
		file, err := os.Open(e.file)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // only read
		info, err := file.Stat()
		if err != nil {
			return err
		}
		header.Size, contents = info.Size(), file
	case e.data == nil:
		header.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(w, contents)
	return err
}

// writeFile makes an archive of a program's file.
func writeFile(to, ref, name, program string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("reading the image's program: %w", err)
	}
	file, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("writing an image archive: %w", err)
	}
	defer file.Close() //nolint:errcheck // Close below reports
	if err := WriteArchive(file, ref, name, data); err != nil {
		return err
	}
	return file.Close()
}
