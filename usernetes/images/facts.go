package images

import (
	"encoding/json"
	"os"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// ImageFacts is where the images are that a node needs to begin with.
type ImageFacts struct {
	Archives []Archive
	Needed   []NeededImage
	Policy   PolicyFacts
	NoAuth   error // why the file with the registries' logins can't be used
}

// A NeededImage is one without which a node does not start, and where it was
// found. When it was found nowhere, Registry says what the registry answers.
type NeededImage struct {
	Name     string // the full one
	Stored   bool   // in the node's storage
	Archive  string // name of the archive that has it
	Registry error
}

// Local reports whether the image needs no registry.
func (i NeededImage) Local() bool { return i.Stored || i.Archive != "" }

// ArchiveOf returns the name of the archive that has an image, "" when none has.
func ArchiveOf(all []Archive, image string) string {
	for _, a := range all {
		if slices.Contains(a.Names(), image) {
			return a.Name
		}
	}
	return ""
}

// StoredImages lists the images of the node's CRI-O, whether it runs or not.
// Source: containers/storage, images.go, "images.json".
func StoredImages() (names []string) {
	data, err := host.ReadFile(node.StatePath("/var/lib/containers/storage/overlay-images/images.json"))
	if err != nil {
		return nil
	}
	var images []struct{ Names []string }
	if json.Unmarshal(data, &images) != nil {
		return nil
	}
	for _, image := range images {
		names = append(names, image.Names...)
	}
	return names
}

// ReadAuthFile tells what is wrong with the site's logins for registries.
// Source: containers-auth.json(5).
func ReadAuthFile(file string) error {
	data, err := host.ReadFile(file)
	if err != nil {
		return err
	}
	var content struct{ Auths, CredHelpers map[string]any }
	if err := json.Unmarshal(data, &content); err != nil {
		return message.Errorf("reading %q: %w", file, err)
	}
	if len(content.Auths)+len(content.CredHelpers) == 0 {
		return message.Errorf("%q has no login for any registry", file)
	}
	info, err := os.Stat(file)
	if err == nil && info.Mode()&0o007 != 0 {
		err = message.Errorf("every user of the machine can read or write %q", file)
	}
	return err
}
