package images

import (
	"path"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// Needs reports whether a node does not start without an image.
func (f ImageFacts) Needs(image string) bool {
	return slices.ContainsFunc(f.Needed, func(n NeededImage) bool { return n.Name == image })
}

// Missing says where an image was looked for. Where an archive holds the like
// of it, that is the likelier cure.
func (f ImageFacts) Missing(image NeededImage) *host.Fault {
	name, from, answer := image.Name, registryOf(image.Name), host.AsFault(image.Registry)
	if len(f.Archives) == 0 {
		return &host.Fault{Err: message.Errorf("the image %s is not in the node's storage, and no archive was specified; the registry %s: %w", name, from, answer), Remedy: answer.Remedy}
	}
	remedy := answer.Remedy
	switch like := f.alike(name); {
	case like == "":
	case path.Base(like) == path.Base(name):
		remedy = message.Of("set IMAGE_REPOSITORY=%s in /etc/podsec-k8s/node.conf; or rename the image: skopeo copy docker-archive:FILE:%s docker-archive:NEW:%s", repositoryOf(like), like, name)
	default:
		remedy = message.Of("%s is another version; get the right one: skopeo copy docker://%s docker-archive:FILE:%s", like, name, name)
	}
	return &host.Fault{Err: message.Errorf("the image %s is not in the node's storage and not in the archives (%s); the registry %s: %w", name, f.contents(), from, answer), Remedy: remedy}
}

// alike returns the name of an archived image that differs from the needed one
// in registry, path or tag; "" when there is none.
func (f ImageFacts) alike(image string) string {
	for _, a := range f.Archives {
		for _, name := range a.Names() {
			if bareName(name) == bareName(image) {
				return name
			}
		}
	}
	return ""
}

// repositoryOf is the image repository by which kubeadm comes to an image.
// Upstream's CoreDNS has a folder of its own there, which kubeadm knows.
// Source: kubeadm's app/images/images.go, GetDNSImage.
func repositoryOf(image string) string {
	const upstream = "registry.k8s.io"
	if repository := path.Dir(image); repository != upstream+"/coredns" {
		return repository
	}
	return upstream
}

// bareName is a name without registry, path and tag.
func bareName(image string) string {
	name, _, _ := strings.Cut(path.Base(image), ":")
	return name
}

// contents says what each archive holds.
func (f ImageFacts) contents() string {
	var all []string
	for _, a := range f.Archives {
		holds := "nothing"
		if names := a.Names(); len(names) > 0 {
			holds = strings.Join(names, ", ")
		}
		all = append(all, a.Name+" holds "+holds)
	}
	return strings.Join(all, "; ")
}
