package images

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// PolicyFile says which images a machine takes. It is the one that CRI-O reads,
// and the one that skopeo is told to read: u7s-admin has no policy of its own.
const PolicyFile = "/etc/containers/policy.json"

// Transports by which images come. Source: containers-transports(5).
const (
	transportRegistry = "docker"
	transportArchive  = "docker-archive"
)

// A ImagePolicy is what policyFile says. Source: containers-policy.json(5).
type ImagePolicy struct {
	Default    []requirement                       `json:"default"`
	Transports map[string]map[string][]requirement `json:"transports"`
}

// A requirement is one thing that an image has to meet.
type requirement struct {
	Type string   `json:"type"`
	Key  string   `json:"keyPath"`
	Keys []string `json:"keyPaths"`
}

// Kinds of requirements.
const (
	acceptAnything = "insecureAcceptAnything"
	rejectAll      = "reject"
)

// signatureKinds need a signature that comes with the image.
func signatureKinds() []string { return []string{"signedBy", "sigstoreSigned", "signedBaseLayer"} }

// PolicyFacts is the policy of a machine, as the node's user can read it.
type PolicyFacts struct {
	Policy     ImagePolicy
	Err        error            // why there is none
	Unreadable map[string]error // keys that the policy names, by path
}

// ReadPolicy reads the policy of images, and tries the keys that it names.
func ReadPolicy(path string) PolicyFacts {
	data, err := host.ReadFile(path)
	if err != nil {
		return PolicyFacts{Err: err}
	}
	policy, err := ParsePolicy(data)
	facts := PolicyFacts{Policy: policy, Err: err, Unreadable: map[string]error{}}
	for _, key := range policy.keys() {
		if err := host.CanRead(key); err != nil {
			facts.Unreadable[key] = err
		}
	}
	return facts
}

// ParsePolicy reads a policy as strictly as containers/image does.
// Source: containers-policy.json(5).
func ParsePolicy(data []byte) (p ImagePolicy, err error) {
	var top map[string]json.RawMessage // of which none but these two may be there
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&top); err != nil {
		return p, message.Errorf("it is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return p, message.New("it is not JSON: there is data after its end")
	}
	for key := range top {
		if key != "default" && key != "transports" {
			return p, message.Errorf("it has the unknown key %q", key)
		}
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, message.Errorf("it is not a valid policy: %w", err)
	}
	return p, p.check()
}

func (p ImagePolicy) check() error {
	if err := checkRequirements(p.Default, `"default"`); err != nil {
		return err
	}
	for transport, scopes := range p.Transports {
		for scope, requirements := range scopes {
			if err := checkRequirements(requirements, fmt.Sprintf(`"transports", %q, %q`, transport, scope)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkRequirements(all []requirement, where string) error {
	if len(all) == 0 {
		return message.Errorf("it has no requirement in %s", where)
	}
	for _, r := range all {
		if r.Type != acceptAnything && r.Type != rejectAll && !slices.Contains(signatureKinds(), r.Type) {
			return message.Errorf("it has the unknown requirement %q in %s", r.Type, where)
		}
	}
	return nil
}

// keys lists the files with keys that the policy names.
func (p ImagePolicy) keys() (paths []string) {
	add := func(all []requirement) {
		for _, r := range all {
			paths = append(append(paths, r.Keys...), r.Key)
		}
	}
	add(p.Default)
	for _, scopes := range p.Transports {
		for _, all := range scopes {
			add(all)
		}
	}
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(path string) bool { return path == "" })
}

// requirements returns what the policy asks of an image of a transport, and the
// place in the file that says so. scopes are tried in their order.
func (p ImagePolicy) requirements(transport string, scopes []string) (all []requirement, where string) {
	for _, scope := range append(scopes, "") {
		if all, ok := p.Transports[transport][scope]; ok {
			return all, fmt.Sprintf(`"transports", %q, %q`, transport, scope)
		}
	}
	return p.Default, `"default"`
}

// registryScopes lists the scopes that hold for an image of a registry, the
// narrowest first. Source: containers-policy.json(5), "docker:".
func registryScopes(image string) []string {
	scopes := []string{image}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return scopes
	}
	for name := named.Name(); ; {
		scopes = append(scopes, name)
		at := strings.LastIndexByte(name, '/')
		if at < 0 {
			break
		}
		name = name[:at]
	}
	host, _, _ := strings.Cut(reference.Domain(named), ":")
	for _, rest, found := strings.Cut(host, "."); found; _, rest, found = strings.Cut(rest, ".") {
		scopes = append(scopes, "*."+rest)
	}
	return scopes
}

// CheckReadable tells what is wrong with the policy itself.
func (f PolicyFacts) CheckReadable() error {
	var path *fs.PathError
	switch {
	case f.Err == nil:
		return nil
	case errors.As(f.Err, &path):
		return host.NewFault("install containers-common; or create the file, readable by everyone, see containers-policy.json(5)",
			"%s cannot be read, so no image is allowed: %w", PolicyFile, f.Err)
	default:
		return host.NewFault("correct the file, see containers-policy.json(5)", "%s allows no image: %w", PolicyFile, f.Err)
	}
}

// CheckArchive tells why the policy takes no image from an archive, which never
// has a signature.
func (f PolicyFacts) CheckArchive() error {
	const remedy = `add to "transports" there: "docker-archive": {"": [{"type": "insecureAcceptAnything"}]}`
	all, where := f.Policy.requirements(transportArchive, nil)
	for _, r := range all {
		switch r.Type {
		case acceptAnything:
		case rejectAll:
			return host.NewFault(remedy, "%s does not allow images from archives: %s is reject", PolicyFile, where)
		default:
			return host.NewFault(remedy, "%s does not allow images from archives, which have no signature: %s is %s", PolicyFile, where, r.Type)
		}
	}
	return nil
}

// CheckRegistry tells why the policy takes an image from no registry. Whether
// a signature is good is found out when the image is pulled.
func (f PolicyFacts) CheckRegistry(image string) error {
	all, where := f.Policy.requirements(transportRegistry, registryScopes(image))
	for _, r := range all {
		if r.Type == rejectAll {
			return &host.Fault{Err: message.Errorf("%s does not allow the image %s: %s is reject", PolicyFile, image, where), Remedy: acceptImage(image)}
		}
		for _, key := range append(r.Keys, r.Key) {
			if err := f.Unreadable[key]; err != nil {
				return host.WithRemedy(message.Errorf("%s requires a signature of the image %s, by a key that %s cannot read: %w", PolicyFile, image, node.Admin, err),
					"make the key readable by everyone: chmod 0644 %s", key)
			}
		}
	}
	return nil
}

// CheckUnsigned tells why a CRI-O that asks the policy again would not run an
// image that came from an archive.
func (f PolicyFacts) CheckUnsigned(image string) error {
	all, where := f.Policy.requirements(transportRegistry, registryScopes(image))
	for _, r := range all {
		if r.Type != acceptAnything {
			return &host.Fault{Err: message.Errorf("%s does not allow the image %s, which comes from an archive and so has no signature: %s is %s", PolicyFile, image, where, r.Type), Remedy: acceptImage(image)}
		}
	}
	return nil
}

// acceptImage is the line of the policy that lets an image be.
func acceptImage(image string) message.Text {
	return message.Of(`add to "transports", "docker" there: %q: [{"type": "insecureAcceptAnything"}]`, image)
}
