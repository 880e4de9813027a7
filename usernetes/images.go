package usernetes

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// store is the storage of the node's CRI-O, as skopeo names it.
const store = "containers-storage:[overlay@/var/lib/containers/storage+/run/containers/storage]"

// pullTimeout is how long one image may take to come from a registry.
const pullTimeout = 5 * time.Minute

// loadImages loads every archive of the plan, and pulls the images that are
// needed and not there then: neither kubeadm nor the kubelet waits for a
// registry later.
func loadImages(ctx context.Context, w *Work) error {
	if _, err := LoadImages(ctx, w.Plan.Archives, w.Plan.Files, w.Out); err != nil {
		return err
	}
	for _, image := range w.Plan.Images {
		if slices.Contains(storedImages(), image) {
			continue
		}
		p := Program{"crictl", []string{"--timeout=" + pullTimeout.String(), "pull", image}}
		if err := w.inNode(ctx, p); err != nil {
			return fault("see that the registry answers: skopeo inspect --raw docker://"+image+"; or give it as an archive: --image-archive FILE",
				"pulling the image %s: %w", image, err)
		}
	}
	return nil
}

// LoadImages loads archives into the storage of this node's CRI-O and gives
// the names of the images that it has now. archives are the files' names, for
// messages; what skopeo says goes to out.
func LoadImages(ctx context.Context, archives []string, files []*os.File, out io.Writer) (loaded []string, err error) {
	if _, err := childPID(); err != nil {
		return nil, err
	}
	if policy, err := loadPolicy(policyFile); err == nil && len(files) > 0 && !policy.acceptsArchives() {
		return nil, errPolicyArchive()
	}
	w := &Work{Out: out}
	for i, file := range files {
		names, err := w.loadImage(ctx, file)
		if err != nil {
			return loaded, withIDRemedy(fmt.Errorf("loading the image archive %q: %w", archives[i], err))
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
		p := Program{"skopeo", []string{"copy", "--quiet", "--policy=" + policyFile, "docker-archive:" + file.Name() + ":" + name, store + name}}
		if err := w.inNode(ctx, p); err != nil {
			return nil, err
		}
	}
	return names, nil
}
