package usernetes

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// store is the storage of the node's CRI-O, as skopeo names it.
const store = "containers-storage:[overlay@/var/lib/containers/storage+/run/containers/storage]"

// pullTimeout is how long one image may take to come from a registry.
const pullTimeout = 5 * time.Minute

// timeoutStatus is the exit status of timeout(1) when the time was over.
const timeoutStatus = 124

// loadImages loads every archive of the plan, and pulls the images that are
// needed and not there then: neither kubeadm nor the kubelet waits for a
// registry later.
func loadImages(ctx context.Context, w *Work) error {
	loaded, err := w.loadArchives(ctx, w.Plan.Archives)
	if err != nil {
		return err
	}
	there := append(images.StoredImages(), loaded...)
	for _, image := range w.Plan.Images {
		if slices.Contains(there, image) {
			continue
		}
		if err := w.pull(ctx, image); err != nil {
			return err
		}
	}
	return nil
}

// LoadImages loads archives into the storage of this node's CRI-O and returns
// the names of the images that it has now; what skopeo says goes to out.
// Nothing is loaded when one of the archives can't be used.
func LoadImages(ctx context.Context, archives []images.Archive, out io.Writer) (loaded []string, err error) {
	if _, err := namespace.ChildPID(); err != nil {
		return nil, err
	}
	n, err := node.LoadNode()
	if err != nil {
		return nil, err
	}
	if err := checkLoad(n, archives, images.ReadPolicy(images.PolicyFile)); err != nil {
		return nil, err
	}
	if err := node.RemoveArchiveCopies(); err != nil {
		return nil, err
	}
	w := &Work{Out: out}
	return w.loadArchives(ctx, archives)
}

// checkLoad tells of archives that can't be loaded or whose images could not
// run.
func checkLoad(n node.Node, archives []images.Archive, policy images.PolicyFacts) error {
	minor, err := n.Minor()
	if err != nil {
		return message.Errorf("reading the node: %w", err)
	}
	facts := preflight.Facts{Images: images.ImageFacts{Archives: archives, Policy: policy}}
	var faults []error
	for _, one := range slices.Concat(preflight.Separate(preflight.CheckArchives(facts, n)), preflight.Separate(preflight.CheckPolicy(facts, n))) {
		faults = append(faults, one)
	}
	for _, a := range archives {
		for _, name := range a.Names() {
			if minor.PolicyAtStart && policy.Err == nil {
				faults = append(faults, policy.CheckUnsigned(name))
			}
		}
	}
	return errors.Join(faults...)
}

func (w *Work) loadArchives(ctx context.Context, archives []images.Archive) (loaded []string, err error) {
	for _, a := range archives {
		if a.Err != nil {
			return loaded, a.Err
		}
		if err := w.load(ctx, a); err != nil {
			return loaded, message.Errorf("loading the image archive %q: %w", a.Name, err)
		}
		loaded = append(loaded, a.Names()...)
	}
	return loaded, nil
}

// load copies an archive, which may be readable for root alone, to where skopeo
// can open it, and loads every image that it has a name for.
func (w *Work) load(ctx context.Context, a images.Archive) error {
	info, err := a.File.Stat()
	if err != nil {
		return err
	}
	file, err := host.TempFile(node.StateDir, node.ArchiveCopies)
	if err != nil {
		return err
	}
	defer host.Remove(file.Name()) //nolint:errcheck // state goes with the node
	defer file.Close()             //nolint:errcheck // read again by name
	if _, err := io.Copy(file, io.NewSectionReader(a.File, 0, info.Size())); err != nil {
		return copyFault(err)
	}
	for _, name := range a.Names() {
		if err := w.inNodeQuietly(ctx, skopeoCopy(name, "docker-archive:"+file.Name()+":"+name)); err != nil {
			return copyFault(err)
		}
	}
	return nil
}

// copyFault gives the cause of a copy that failed its remedy, where that is
// known.
func copyFault(err error) error {
	if known := images.WithIDRemedy(err); known != err { //nolint:errorlint // the very same
		return known
	}
	cause := images.SkopeoCause(err)
	if known := images.KnownCause(images.StorageCauses(), cause); known != nil {
		return known
	}
	return cause
}

// pull takes an image from its registry. The time is bounded inside the
// namespaces, so that nothing there outlives the nsenter outside.
func (w *Work) pull(ctx context.Context, image string) error {
	copied := skopeoCopy(image, append(images.AuthFlag("--src-authfile", w.Plan.Node.ImageAuthFile), "docker://"+image)...)
	limit := strconv.Itoa(int(pullTimeout.Seconds()))
	err := w.inNodeQuietly(ctx, namespace.Program{Name: "timeout", Args: append([]string{limit, copied.Name}, copied.Args...)})
	var failed *host.CommandError
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.As(err, &failed) && images.WantsIDs(failed.Stderr):
		return images.WithIDRemedy(message.Errorf("pulling the image %s: %w", image, err))
	case failed != nil && failed.Status == timeoutStatus:
		err = message.Errorf("it did not end within %s", pullTimeout)
	default:
		err = images.SkopeoCause(err)
	}
	answer := images.RegistryFault(image, err)
	return &host.Fault{Err: message.Errorf("pulling the image %s: %w", image, answer), Remedy: answer.Remedy}
}

// skopeoCopy brings an image into the node's storage. Source: skopeo-copy(1).
func skopeoCopy(name string, from ...string) namespace.Program {
	return namespace.Program{Name: "skopeo", Args: slices.Concat([]string{"copy", "--quiet", "--policy=" + images.PolicyFile}, from, []string{store + name})}
}
