package images

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// How long a registry may take to say whether it has an image, and a name
// server to know the registry.
const (
	registryTimeout = 10 * time.Second
	lookupTimeout   = time.Second
)

// A RegistryClient asks registries as the node is going to: as the container
// tools of this machine are set up, with the site's logins and proxy.
type RegistryClient struct {
	Env      []string
	AuthFile string     // "" for none
	Node     netip.Addr // the address that the node has for itself
}

// Ask asks for the configuration of an image, not for its layers. What is
// wrong is a *host.Fault. Source: skopeo-inspect(1).
func (c RegistryClient) Ask(ctx context.Context, image string) error {
	limited, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	args := slices.Concat([]string{"inspect", "--config", "--raw"}, AuthFlag("--authfile", c.AuthFile), []string{"docker://" + image})
	out, err := host.Command{Path: "skopeo", Args: args, Env: c.Env}.Output(limited)
	switch {
	case limited.Err() != nil:
		if _, err := c.lookUp(ctx, image); err != nil {
			return RegistryFault(image, err)
		}
		return RegistryFault(image, message.Errorf("no answer within %s", registryTimeout))
	case err != nil:
		return RegistryFault(image, SkopeoCause(err))
	}
	var config struct{ Architecture string }
	if err := json.Unmarshal(out, &config); err != nil {
		return RegistryFault(image, message.Errorf("the server is not a registry: %w", err))
	}
	if config.Architecture != runtime.GOARCH {
		return RegistryFault(image, message.Errorf("image for the architecture %s, not %s", config.Architecture, runtime.GOARCH))
	}
	return c.onThisMachine(ctx, image)
}

// onThisMachine tells of a registry that the machine reaches and its node does
// not: inside the namespaces these addresses lead to the node itself.
func (c RegistryClient) onThisMachine(ctx context.Context, image string) error {
	addresses, _ := c.lookUp(ctx, image) // registries.conf may know another place for it
	for _, address := range addresses {
		if address = address.Unmap(); address.IsLoopback() || address == c.Node {
			return RegistryFault(image, errOwnAddress{address})
		}
	}
	return nil
}

// lookUp returns the addresses of an image's registry; none for a name that a
// proxy looks up.
func (c RegistryClient) lookUp(ctx context.Context, image string) ([]netip.Addr, error) {
	name := hostOf(registryOf(image))
	if _, err := netip.ParseAddr(name); err != nil && name != "localhost" && c.hasProxy() {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// hasProxy reports whether names may be looked up by a proxy. A literal address
// of the node and localhost are never reached by one.
func (c RegistryClient) hasProxy() bool {
	return slices.ContainsFunc(c.Env, func(variable string) bool { return strings.HasPrefix(variable, node.HTTPSProxyVariable+"=") })
}

// hostOf leaves out a port, and the brackets of an IPv6 address.
func hostOf(registry string) string {
	if name, _, err := net.SplitHostPort(registry); err == nil {
		return name
	}
	return strings.Trim(registry, "[]")
}

// errOwnAddress is an address that the node has for itself.
type errOwnAddress struct{ address netip.Addr }

func (e errOwnAddress) Error() string { return e.Say().String() }

// Say is Error in any language.
func (e errOwnAddress) Say() message.Text {
	return message.Of("its address is %s, which inside the node is the node itself", e.address)
}

// registryOf returns the registry of an image, with its port.
func registryOf(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}

// AuthFlag gives a program the site's logins, by their file.
func AuthFlag(name, file string) []string {
	if file == "" {
		return nil
	}
	return []string{name, file}
}

// SkopeoCause takes what skopeo says out of its form, a line of its log, and
// leaves out the image's name, which the caller says.
func SkopeoCause(err error) error {
	var failed *host.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	lines := strings.Split(strings.TrimSpace(failed.Stderr), "\n")
	_, quoted, found := strings.Cut(lines[len(lines)-1], "msg=")
	text, errQuote := strconv.Unquote(quoted)
	if !found || errQuote != nil {
		return err
	}
	for _, lead := range []string{"Error parsing image name", "initializing source"} {
		if _, cause, found := strings.Cut(text, lead+" "); found {
			if _, rest, found := strings.Cut(cause, ": "); found {
				text = rest
			}
		}
	}
	return errors.New(text)
}

// RegistryFault gives a cause its remedy. The cause is what skopeo says, whose
// words have no form but this.
func RegistryFault(image string, cause error) *host.Fault {
	var own errOwnAddress
	if errors.As(cause, &own) {
		return host.NewFault("use another address of this machine for the registry, or another machine; or load the images from archives: --image-archive FILE", "%w", cause)
	}
	if known := KnownCause(append(registryCauses(registryOf(image), image), StorageCauses()...), cause); known != nil {
		return known
	}
	return host.WithRemedy(message.Errorf("%w", cause),
		"see the registry's answer: skopeo inspect docker://%s; or load the images from archives: --image-archive FILE", image)
}
