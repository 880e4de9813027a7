package images

import (
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Cause is a remedy, and the words by which its cause is known.
type Cause struct {
	words  []string
	Remedy message.Text
}

// KnownCause gives a cause the first remedy that fits it, or nil.
func KnownCause(all []Cause, cause error) *host.Fault {
	for _, known := range all {
		if slices.ContainsFunc(known.words, func(word string) bool { return strings.Contains(cause.Error(), word) }) {
			return &host.Fault{Err: cause, Remedy: known.Remedy}
		}
	}
	return nil
}

// StorageCauses lists what keeps any image out of the node's storage.
func StorageCauses() []Cause {
	return []Cause{
		{
			words:  []string{"rejected", "signature", "trust policy"},
			Remedy: message.Of("sign the image; or allow it without a signature in /etc/containers/policy.json, see containers-policy.json(5)"),
		},
		{
			words:  []string{"no space left on device"},
			Remedy: message.Of("free disk space, or mount a larger file system there: df -h " + node.Home),
		},
	}
}

// registryCauses lists what keeps an image away, what says more first.
// Source: messages of Go's net and crypto packages and of containers/image; the
// OCI distribution specification, "Error Codes".
func registryCauses(registry, image string) []Cause {
	return []Cause{
		{
			words:  []string{"executable file not found"},
			Remedy: message.Of("install the packages that podsec-k8s requires: apt-get install podsec-k8s"),
		},
		{
			words:  []string{"proxyconnect ", "Proxy Authentication Required", "socks connect "},
			Remedy: message.Of("correct HTTPS_PROXY in /etc/podsec-k8s, or add the registry to NO_PROXY there; or load the images from archives: --image-archive FILE"),
		},
		{
			words:  []string{"signed by unknown authority"},
			Remedy: message.Of("put the certificate of its certificate authority, readable by everyone, at /etc/containers/certs.d/%s/ca.crt; or load the images from archives: --image-archive FILE", registry),
		},
		{
			words:  []string{"x509: ", "tls: "},
			Remedy: message.Of("correct the registry's certificate, or this machine's clock; or load the images from archives: --image-archive FILE"),
		},
		{
			words:  []string{"server gave HTTP response to HTTPS client"},
			Remedy: message.Of("if the registry has no TLS on purpose: printf '[[registry]]\\nlocation = \"%s\"\\ninsecure = true\\n' > /etc/containers/registries.conf.d/60-site.conf; or load the images from archives: --image-archive FILE", registry),
		},
		{
			words:  []string{"unauthorized", "authentication required", "denied: ", "invalid username/password", "403 (Forbidden)"},
			Remedy: message.Of("log in: skopeo login --authfile /etc/podsec-k8s/auth.json %s; chown root:u7s-admin and chmod 0640 that file; IMAGE_AUTH_FILE=/etc/podsec-k8s/auth.json in /etc/podsec-k8s/node.conf; or load the images from archives: --image-archive FILE", registry),
		},
		{
			words:  []string{"manifest unknown", "name unknown", "not found", "repository name not known"},
			Remedy: message.Of("copy it there: skopeo copy docker-archive:FILE docker://%s; or set IMAGE_REPOSITORY in /etc/podsec-k8s/node.conf to where it is; or load the images from archives: --image-archive FILE", image),
		},
		{
			words:  []string{"for the architecture", "no image found in"},
			Remedy: message.Of("copy the image for this machine's architecture there; or load the images from archives: --image-archive FILE"),
		},
		{
			words:  []string{" is blocked in "},
			Remedy: message.Of("allow it in /etc/containers/registries.conf; or set IMAGE_REPOSITORY in /etc/podsec-k8s/node.conf to another registry; or load the images from archives: --image-archive FILE"),
		},
		{
			words:  []string{"permission denied"},
			Remedy: message.Of("make that file readable by everyone: chmod a+r FILE; or load the images from archives: --image-archive FILE"),
		},
		{
			words:  []string{"lookup "},
			Remedy: message.Of("check that this machine can resolve %s, by /etc/hosts or its name server; or set IMAGE_REPOSITORY in /etc/podsec-k8s/node.conf to another registry; or load the images from archives: --image-archive FILE", registry),
		},
		{
			words:  []string{"connection refused", "no route to host", "network is unreachable", "timeout", "no answer in", "no end in", "connection reset", "EOF"},
			Remedy: message.Of("check that this machine can resolve and reach %s; or set IMAGE_REPOSITORY in /etc/podsec-k8s/node.conf to another registry; or load the images from archives: --image-archive FILE", registry),
		},
	}
}
