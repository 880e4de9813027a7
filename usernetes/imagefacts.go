package usernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// registryTimeout is how long a registry may take to say whether it has an
// image.
const registryTimeout = 10 * time.Second

// ImageFacts is where the images are that a node needs to begin with.
type ImageFacts struct {
	Archives []Archive
	Needed   []NeededImage
	Policy   ImagePolicy
	NoPolicy error // why the policy can't be read
	NoAuth   error // why the file with the registry's logins can't be read
}

// A NeededImage is one without which a node does not start, and where it was
// found. When it was found nowhere, Registry says what the registry answers.
type NeededImage struct {
	Name     string
	Stored   bool   // in the node's storage
	Archive  string // name of the archive that has it
	Registry error
}

// WithImages adds where the images that a plan needs are. A registry is asked
// only for what is nowhere else.
func (f Facts) WithImages(ctx context.Context, p Plan) Facts {
	f.Images = ImageFacts{Archives: ReadArchives(p.Archives, p.Files)}
	f.Images.Policy, f.Images.NoPolicy = loadPolicy(policyFile)
	if p.Node.ImageAuthFile != "" {
		f.Images.NoAuth = canOpenRead(p.Node.ImageAuthFile)
	}
	stored := storedImages()
	env := mergeVariables(environment(), f.Proxy.Proxy.variables(p.Node.directly(f.Addresses, p.Node.Endpoint)))
	f.Images.Needed = make([]NeededImage, len(p.Images))
	var all sync.WaitGroup
	for i, name := range p.Images {
		f.Images.Needed[i] = NeededImage{Name: name, Stored: slices.Contains(stored, name), Archive: archiveOf(f.Images.Archives, name)}
		if one := &f.Images.Needed[i]; !one.Stored && one.Archive == "" {
			all.Go(func() { one.Registry = askRegistry(ctx, env, name, p.Node.ImageAuthFile) })
		}
	}
	all.Wait()
	return f
}

func archiveOf(all []Archive, image string) string {
	for _, a := range all {
		if slices.Contains(a.Images, image) {
			return a.Name
		}
	}
	return ""
}

// storedImages lists the images of the node's CRI-O, whether it runs or not.
// Source: containers/storage, images.go, "images.json".
func storedImages() (names []string) {
	data, err := os.ReadFile(kept("/var/lib/containers/storage/overlay-images/images.json"))
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

// askRegistry asks a registry for an image, as the container tools of this
// machine are set up. Source: skopeo-inspect(1).
func askRegistry(ctx context.Context, env []string, image, authFile string) error {
	registry, _, _ := strings.Cut(image, "/")
	if loopback(registry) {
		return errLoopback
	}
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	args := append([]string{"inspect", "--raw"}, authArgs(authFile)...)
	_, err := host.Command{Path: "skopeo", Args: append(args, "docker://"+image), Env: env}.Output(ctx)
	var failed *host.CommandError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s does not answer in %s", registry, registryTimeout)
	case errors.As(err, &failed) && failed.Stderr != "":
		return errors.New(skopeoCause(failed.Stderr))
	default:
		return err
	}
}

func authArgs(authFile string) []string {
	if authFile == "" {
		return nil
	}
	return []string{"--authfile=" + authFile}
}

// errLoopback says that a registry can't be reached from the namespaces.
var errLoopback = errors.New("it is on the machine's own loopback address, which the node does not reach: give one of the machine's other addresses")

func loopback(registry string) bool {
	name, _, _ := strings.Cut(registry, ":")
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}

// skopeoCause returns the cause in skopeo's last words, without the form of a log
// line around it and without the image's name, which the caller says.
func skopeoCause(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := lines[len(lines)-1]
	if _, message, found := strings.Cut(last, " msg="); found {
		last = strings.ReplaceAll(strings.Trim(message, `"`), `\"`, `"`)
	}
	if text, found := strings.CutPrefix(last, "Error parsing image name "); found {
		_, last, _ = strings.Cut(text, `": `)
	}
	return last
}
