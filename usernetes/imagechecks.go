package usernetes

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/alt-cloud/podsec-k8s/host"
)

// checkArchives finds archives that can't be loaded, and images in them that
// this machine can't run.
func checkArchives(f Facts, _ Node) error {
	var faults []error
	for _, a := range f.Images.Archives {
		if a.Err != nil {
			faults = append(faults, a.Err)
		}
		for _, image := range a.Images {
			if image.Architecture != runtime.GOARCH && slices.ContainsFunc(image.Names, f.Images.needs) {
				faults = append(faults, host.NewFault("make one for this machine: skopeo --override-arch "+runtime.GOARCH+" copy docker://IMAGE docker-archive:FILE:IMAGE",
					"the image archive %q: its %s is for the architecture %s, not %s", a.Name, strings.Join(image.Names, ", "), image.Architecture, runtime.GOARCH))
			}
		}
	}
	return errors.Join(faults...)
}

// checkPolicy tells which of the images that are to be brought the machine's
// policy does not take.
func checkPolicy(f Facts, n Node) error {
	policy := f.Images.Policy
	if err := policy.checkReadable(); err != nil {
		return err
	}
	var faults []error
	if len(f.Images.Archives) > 0 {
		faults = append(faults, policy.checkArchive())
	}
	minor, _ := n.Minor() // the check kubernetes-version tells of another
	for _, image := range f.Images.Needed {
		switch {
		case image.Archive != "" && minor.PolicyAtStart:
			faults = append(faults, policy.checkUnsigned(image.Name))
		case !image.local():
			faults = append(faults, policy.checkRegistry(image.Name))
		}
	}
	return errors.Join(faults...)
}

func checkAuthFile(f Facts, n Node) error {
	if f.Images.NoAuth == nil {
		return nil
	}
	file := n.ImageAuthFile
	return host.NewFault(fmt.Sprintf("make it so: skopeo login --authfile %s REGISTRY; chown root:%s %s; chmod 0640 %s", file, Admin, file, file),
		"the file with the registries' logins, IMAGE_AUTH_FILE: %w", f.Images.NoAuth)
}

// checkImages finds the images that are needed and nowhere to be had.
func checkImages(f Facts, _ Node) error {
	var faults []error
	for _, image := range f.Images.Needed {
		if image.Registry != nil {
			faults = append(faults, f.Images.missing(image))
		}
	}
	return errors.Join(faults...)
}

// WithImages adds where the images of a node are, of which some come from archives. A registry is asked
// only for what is nowhere else, and not without the logins that it may want.
func (f Facts) WithImages(ctx context.Context, n Node, images []string, archives []Archive) Facts {
	f.Images = ImageFacts{Archives: archives, Policy: readPolicy(policyFile)}
	if n.ImageAuthFile != "" {
		f.Images.NoAuth = readAuthFile(n.ImageAuthFile)
	}
	stored := storedImages()
	f.Images.Needed = make([]NeededImage, len(images))
	client := registryClient{
		env:      mergeVariables(environment(), f.Proxy.Proxy.variables(n.directly(f.Addresses, n.Endpoint))),
		authFile: n.ImageAuthFile, node: n.IP,
	}
	var all sync.WaitGroup
	for i, name := range images {
		f.Images.Needed[i] = NeededImage{Name: name, Stored: slices.Contains(stored, name), Archive: archiveOf(f.Images.Archives, name)}
		if one := &f.Images.Needed[i]; !one.local() && f.Images.NoAuth == nil {
			all.Go(func() { one.Registry = client.ask(ctx, name) })
		}
	}
	all.Wait()
	return f
}
