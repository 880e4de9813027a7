package usernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// policyFile says which images may be used. Source: containers-policy.json(5).
const policyFile = "/etc/containers/policy.json"

// Transports by which images come. Source: containers-transports(5).
const (
	transportRegistry = "docker"
	transportArchive  = "docker-archive"
)

// acceptAnything is the one requirement that an archive can meet: it carries
// no signatures.
const acceptAnything = "insecureAcceptAnything"

// An ImagePolicy is the site's policy of images, as far as it can be decided
// without the images.
type ImagePolicy struct {
	Default    []requirement                       `json:"default"`
	Transports map[string]map[string][]requirement `json:"transports"`
}

// A requirement is what an image has to meet: reject, insecureAcceptAnything,
// or a kind of signature.
type requirement struct {
	Type string `json:"type"`
}

func loadPolicy(path string) (p ImagePolicy, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(p.Default) == 0 {
		return p, fmt.Errorf("reading %s: %w", path, errors.New("it has no default"))
	}
	return p, nil
}

// acceptsArchives reports whether an archive's images may be loaded.
func (p ImagePolicy) acceptsArchives() bool {
	for _, r := range p.requirements(transportArchive, "") {
		if r.Type != acceptAnything {
			return false
		}
	}
	return true
}

// rejects reports whether an image of a registry is refused whatever its
// signatures are.
func (p ImagePolicy) rejects(image string) bool {
	for _, r := range p.requirements(transportRegistry, image) {
		if r.Type == "reject" {
			return true
		}
	}
	return false
}

// requirements returns those of the narrowest scope that the image is in: its
// name with the tag, each part of the path above it, the host, its domains
// with a wildcard, the transport's default, the policy's.
func (p ImagePolicy) requirements(transport, image string) []requirement {
	scopes := p.Transports[transport]
	for _, scope := range scopesOf(image) {
		if found, ok := scopes[scope]; ok {
			return found
		}
	}
	return p.Default
}

// scopesOf lists the scopes of an image's name, the narrowest first; the last
// is the transport's default. Source: containers-policy.json(5), "docker:".
func scopesOf(image string) []string {
	var all []string
	host, _, _ := strings.Cut(image, "/")
	repository := image
	if at := strings.LastIndexByte(image, ':'); at > strings.LastIndexByte(image, '/') {
		all, repository = append(all, image), image[:at]
	}
	for repository != "" {
		all = append(all, repository)
		repository = repository[:max(0, strings.LastIndexByte(repository, '/'))]
	}
	host, _, _ = strings.Cut(host, ":")
	for _, domain, found := strings.Cut(host, "."); found; _, domain, found = strings.Cut(domain, ".") {
		all = append(all, "*."+domain)
	}
	return append(all, "")
}
