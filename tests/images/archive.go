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

// An entry is one file or folder of a tar file.
type entry struct {
	name string
	mode int64
	data []byte // nil for a folder
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
	return writeTar(to, []entry{{"manifest.json", 0o644, manifest}, {"config.json", 0o644, config}, {"layer.tar", 0o644, layer}})
}

func layerOf(name string, program []byte) ([]byte, error) {
	var layer bytes.Buffer
	err := writeTar(&layer, []entry{
		{"etc/", 0o755, nil},
		{"etc/passwd", 0o644, []byte("root:x:0:0::/:/bin/sh\n")},
		{"etc/group", 0o644, []byte("root:x:0:\n")},
		{"tmp/", 0o1777, nil},
		{name, 0o755, program},
	})
	return layer.Bytes(), err
}

func writeTar(to io.Writer, entries []entry) error {
	w := tar.NewWriter(to)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.data)), Typeflag: tar.TypeReg}
		if e.data == nil {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return fmt.Errorf("writing an image archive: %w", err)
		}
		if _, err := w.Write(e.data); err != nil {
			return fmt.Errorf("writing an image archive: %w", err)
		}
	}
	return w.Close()
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
