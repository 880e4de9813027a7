package images

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// A layered image is one of several layers, each a tar file that other images may
// have as well.
type layered struct {
	ref    string
	config settings
	layers []string // paths, the lowest first
}

// settings is what a container of an image runs when nobody says what.
// Source: the Docker image specification v1.2, "Container RunConfig".
type settings struct {
	Entrypoint []string `json:",omitempty"`
	Cmd        []string `json:",omitempty"`
	User       string   `json:",omitempty"`
	WorkingDir string
	Env        []string
}

// paths is where programs of such an image are found.
const paths = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// writeImages makes one docker archive of several images. A layer that several have is
// in it once.
func writeImages(to string, all []layered) error {
	var entries []entry
	var manifest []map[string]any
	sums := map[string]string{} // of layers, by path
	for n, i := range all {
		var ids, names []string
		for _, layer := range i.layers {
			if sums[layer] == "" {
				sum, err := sumOf(layer)
				if err != nil {
					return err
				}
				sums[layer] = sum
				entries = append(entries, entry{name: sum + ".tar", mode: 0o644, file: layer})
			}
			ids, names = append(ids, "sha256:"+sums[layer]), append(names, sums[layer]+".tar")
		}
		i.config.WorkingDir, i.config.Env = "/", []string{paths}
		config, err := json.Marshal(map[string]any{
			"architecture": "amd64", "os": "linux", "config": i.config,
			"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
		})
		if err != nil {
			return fmt.Errorf("making the configuration of %s: %w", i.ref, err)
		}
		name := fmt.Sprintf("config%d.json", n)
		entries = append(entries, entry{name: name, mode: 0o644, data: config})
		manifest = append(manifest, map[string]any{"Config": name, "RepoTags": []string{i.ref}, "Layers": names})
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return fmt.Errorf("making the archive's manifest: %w", err)
	}
	return writeTarFile(to, append(entries, entry{name: "manifest.json", mode: 0o644, data: text}))
}

// writeTarFile writes a tar file.
func writeTarFile(to string, entries []entry) error {
	file, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("writing an image archive: %w", err)
	}
	defer file.Close() //nolint:errcheck // Close below reports
	if err := writeTar(file, entries); err != nil {
		return err
	}
	return file.Close()
}

// sumOf returns the SHA-256 of a file.
func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading a layer: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("reading a layer: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
