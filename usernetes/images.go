package usernetes

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alt-cloud/podsec-k8s/host"
)

// store is the storage of the node's CRI-O, as skopeo names it.
const store = "containers-storage:[overlay@/var/lib/containers/storage+/run/containers/storage]"

// manifestLimit bounds what is read of an archive's table of images, bytes.
const manifestLimit = 1 << 20

// loadImages loads every archive of the plan.
func loadImages(ctx context.Context, w *Work) error {
	_, err := LoadImages(ctx, w.Plan.Archives, w.Plan.Files, w.Out)
	return err
}

// LoadImages loads archives into the storage of this node's CRI-O and gives
// the names of the images that it has now. archives are the files' names, for
// messages; what skopeo says goes to out.
func LoadImages(ctx context.Context, archives []string, files []*os.File, out io.Writer) (loaded []string, err error) {
	if _, err := childPID(); err != nil {
		return nil, err
	}
	w := &Work{Out: out}
	for i, file := range files {
		names, err := w.loadImage(ctx, file)
		if err != nil {
			return loaded, fmt.Errorf("loading the image archive %q: %w", archives[i], err)
		}
		loaded = append(loaded, names...)
	}
	return loaded, nil
}

// loadImage copies an archive, which may be readable for root alone, to
// where skopeo can seek in it, and loads every image that it has a name for.
func (w *Work) loadImage(ctx context.Context, archive io.Reader) (names []string, err error) {
	file, err := host.TempFile(state, "image-*.tar")
	if err != nil {
		return nil, err
	}
	defer host.Remove(file.Name()) //nolint:errcheck // state goes with the node
	defer file.Close()             //nolint:errcheck // read again by name
	if _, err := io.Copy(file, archive); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	names, err = imageNames(file)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		p := Program{"skopeo", []string{"copy", "--quiet", "docker-archive:" + file.Name() + ":" + name, store + name}}
		if err := w.inNode(ctx, p); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// imageNames lists the images of a docker archive.
// Source: the Docker image specification v1.2, "Combined Image JSON +
// Filesystem Changeset Format".
func imageNames(archive io.Reader) ([]string, error) {
	remedy := "make one: skopeo copy docker://IMAGE docker-archive:FILE:IMAGE"
	entries := tar.NewReader(archive)
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil, fault(remedy, "it is no docker archive: it has no manifest.json")
		}
		if err != nil {
			return nil, fault(remedy, "it is no docker archive: %w", err)
		}
		if entry.Name == "manifest.json" {
			break
		}
	}
	var images []struct{ RepoTags []string }
	if err := json.NewDecoder(io.LimitReader(entries, manifestLimit)).Decode(&images); err != nil {
		return nil, fault(remedy, "it is no docker archive: %w", err)
	}
	var names []string
	for _, image := range images {
		names = append(names, image.RepoTags...)
	}
	if len(names) == 0 {
		return nil, fault(remedy, "none of its images has a name")
	}
	return names, nil
}
