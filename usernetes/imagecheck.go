package usernetes

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// checkArchives finds archives that can't be loaded.
func checkArchives(f Facts, _ Node) error {
	var faults []error
	for _, a := range f.Images.Archives {
		if a.Err != nil {
			faults = append(faults, a.fault())
		}
	}
	return errors.Join(faults...)
}

func (a Archive) fault() error {
	var known *host.Fault
	remedy := "give a docker archive that can be read: --image-archive FILE"
	if errors.As(a.Err, &known) {
		remedy = strings.ReplaceAll(known.Remedy, "FILE", a.Name)
	}
	return fault(remedy, "the image archive %q: %w", a.Name, a.Err)
}

// checkPolicy finds a policy that lets none of the node's images in.
func checkPolicy(f Facts, _ Node) error {
	if f.Images.NoPolicy != nil {
		return fault("install containers-common, or write the file, see containers-policy.json(5)",
			"no image may be used without a policy: %w", f.Images.NoPolicy)
	}
	var faults []error
	if len(f.Images.Archives) > 0 && !f.Images.Policy.acceptsArchives() {
		faults = append(faults, errPolicyArchive())
	}
	for _, image := range f.Images.Needed {
		if !image.Stored && image.Archive == "" && f.Images.Policy.rejects(image.Name) {
			faults = append(faults, fault("add a scope for it to the transport docker in "+policyFile+", see containers-policy.json(5)",
				"%s rejects the image %s", policyFile, image.Name))
		}
	}
	return errors.Join(faults...)
}

// errPolicyArchive says that archives may not be loaded. An archive carries no
// signatures, so nothing but that requirement will do.
func errPolicyArchive() error {
	return fault(`allow files that root gives: in `+policyFile+`, "transports", add "docker-archive": {"": [{"type": "insecureAcceptAnything"}]}`,
		"%s lets no image archive in, and an archive has no signatures", policyFile)
}

// checkImages finds the images that are needed and nowhere to be had.
func checkImages(f Facts, n Node) error {
	var faults []error
	if err := f.Images.NoAuth; err != nil {
		faults = append(faults, fault("let the node's user read it: chgrp "+Admin+" "+n.ImageAuthFile+"; chmod 0640 "+n.ImageAuthFile,
			"the file with the registry's logins, IMAGE_AUTH_FILE: %w", err))
	}
	for _, image := range f.Images.Needed {
		if image.Registry != nil {
			faults = append(faults, f.Images.missing(image))
		}
	}
	return errors.Join(faults...)
}

// missing says where an image was looked for.
func (f ImageFacts) missing(image NeededImage) error {
	registry, _, _ := strings.Cut(image.Name, "/")
	return fault(registryRemedy(image.Registry.Error(), registry, image.Name),
		"the image %s is %s; %s: %w", image.Name, f.inArchives(), registry, image.Registry)
}

// inArchives says what the archives hold.
func (f ImageFacts) inArchives() string {
	var holds []string
	for _, a := range f.Archives {
		if a.Err == nil {
			holds = append(holds, fmt.Sprintf("%s holds %s", a.Name, strings.Join(a.Images, ", ")))
		}
	}
	if len(holds) == 0 {
		return "in no archive, for none was given"
	}
	return "in no archive (" + strings.Join(holds, "; ") + ")"
}

// registryRemedy chooses what to do by what a registry answers, in the words of
// Go's net, crypto/x509 and of containers/image.
func registryRemedy(answer, registry, image string) string {
	for _, c := range []struct{ word, remedy string }{
		{"server gave HTTP response to HTTPS client", fmt.Sprintf("for a registry without TLS put into /etc/containers/registries.conf.d/site.conf: [[registry]] location = %q insecure = true", registry)},
		{"certificate signed by unknown authority", fmt.Sprintf("trust its certificate authority: put its certificate at /etc/containers/certs.d/%s/ca.crt", registry)},
		{"x509:", fmt.Sprintf("see the certificate: openssl s_client -connect %s", registry)},
		{"unauthorized", "log in: skopeo login --authfile /etc/podsec-k8s/auth.json " + registry + ", and set IMAGE_AUTH_FILE to that file, readable for " + Admin},
		{"authentication required", "log in: skopeo login --authfile /etc/podsec-k8s/auth.json " + registry + ", and set IMAGE_AUTH_FILE to that file, readable for " + Admin},
		{"manifest unknown", "put the image of that name and tag into the registry: skopeo copy docker-archive:FILE docker://" + image},
	} {
		if strings.Contains(answer, c.word) {
			return c.remedy
		}
	}
	return "give it as a docker archive: --image-archive FILE; or name a registry that has it: IMAGE_REPOSITORY in " + SiteDir + "; podsec-k8s image list names all that is needed"
}
