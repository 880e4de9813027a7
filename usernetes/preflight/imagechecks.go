package preflight

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// CheckArchives finds archives that can't be loaded, and images in them that
// this machine can't run.
func CheckArchives(f Facts, _ node.Node) error {
	var faults []error
	for _, a := range f.Images.Archives {
		if a.Err != nil {
			faults = append(faults, a.Err)
		}
		for _, image := range a.Images {
			if image.Architecture != runtime.GOARCH && slices.ContainsFunc(image.Names, f.Images.Needs) {
				faults = append(faults, host.WithRemedy(message.Errorf("the image archive %q: its %s is for the architecture %s, not %s", a.Name, strings.Join(image.Names, ", "), image.Architecture, runtime.GOARCH),
					"create an archive for this machine: skopeo --override-arch %s copy docker://IMAGE docker-archive:FILE:IMAGE", runtime.GOARCH))
			}
		}
	}
	return errors.Join(faults...)
}

// CheckPolicy tells which of the images that are to be brought the machine's
// policy does not take.
func CheckPolicy(f Facts, n node.Node) error {
	policy := f.Images.Policy
	if err := policy.CheckReadable(); err != nil {
		return err
	}
	var faults []error
	if len(f.Images.Archives) > 0 {
		faults = append(faults, policy.CheckArchive())
	}
	minor, _ := n.Minor() // the check kubernetes-version tells of another
	for _, image := range f.Images.Needed {
		switch {
		case image.Archive != "" && minor.PolicyAtStart:
			faults = append(faults, policy.CheckUnsigned(image.Name))
		case !image.Local():
			faults = append(faults, policy.CheckRegistry(image.Name))
		}
	}
	return errors.Join(faults...)
}

func checkAuthFile(f Facts, n node.Node) error {
	if f.Images.NoAuth == nil {
		return nil
	}
	file := n.ImageAuthFile
	return host.WithRemedy(message.Errorf("the file with the registries' logins, IMAGE_AUTH_FILE: %w", f.Images.NoAuth),
		"create it: skopeo login --authfile %s REGISTRY; chown root:%s %s; chmod 0640 %s", file, node.Admin, file, file)
}

// checkImages finds the images that are needed and nowhere to be had.
func checkImages(f Facts, _ node.Node) error {
	var faults []error
	for _, image := range f.Images.Needed {
		if image.Registry != nil {
			faults = append(faults, f.Images.Missing(image))
		}
	}
	return errors.Join(faults...)
}

// WithImages adds where the images of a node are, of which some come from
// archives. A registry is asked only for what is nowhere else, and not without
// the logins that it may want.
func (f Facts) WithImages(ctx context.Context, n node.Node, names []string, archives []images.Archive) Facts {
	f.Images = images.ImageFacts{Archives: archives, Policy: images.ReadPolicy(images.PolicyFile)}
	if n.ImageAuthFile != "" {
		f.Images.NoAuth = images.ReadAuthFile(n.ImageAuthFile)
	}
	stored := images.StoredImages()
	f.Images.Needed = make([]images.NeededImage, len(names))
	client := images.RegistryClient{
		Env:      node.MergeVariables(namespace.Environment(), f.Proxy.Proxy.Variables(n.Directly(f.Addresses, n.Endpoint))),
		AuthFile: n.ImageAuthFile, Node: n.IP,
	}
	var all sync.WaitGroup
	for i, name := range names {
		f.Images.Needed[i] = images.NeededImage{Name: name, Stored: slices.Contains(stored, name), Archive: images.ArchiveOf(f.Images.Archives, name)}
		if one := &f.Images.Needed[i]; !one.Local() && f.Images.NoAuth == nil {
			all.Go(func() { one.Registry = client.Ask(ctx, name) })
		}
	}
	all.Wait()
	return f
}
