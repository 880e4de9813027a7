package images

import (
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// FullNames completes the names of images that are to come from the site's
// registry.
func FullNames(images ...string) (all []string, err error) {
	for _, image := range images {
		name, err := fullName(image)
		if err != nil {
			return nil, host.WithRemedy(message.Errorf("%q is not an image name: %w", image, err),
				"set IMAGE_REPOSITORY in %s, or --image-repository, to a registry and path such as registry.example:5000/k8s", node.SiteDir)
		}
		all = append(all, name)
	}
	return all, nil
}

// CheckImageNames reports whether each is the name of an image. Root asks this of
// what u7s-admin hands it.
func CheckImageNames(images []string) error {
	for _, image := range images {
		if _, err := fullName(image); err != nil {
			return message.Errorf("the node reports an invalid image name, %q: %w", image, err)
		}
	}
	return nil
}

// DNSImage finds CoreDNS in kubeadm's list of images.
func DNSImage(list string) (string, error) {
	for image := range strings.FieldsSeq(list) {
		if strings.Contains(image, "/coredns:") {
			return image, nil
		}
	}
	return "", message.Errorf("getting the name of the CoreDNS image from kubeadm: %q does not contain it", list)
}

// MakesDNS reports whether kubeadm init makes CoreDNS by this configuration.
// Source: kubeadm's documentation, "Init workflow", and its v1beta4
// reference, DNS.
func MakesDNS(c kubeadm.Config) bool {
	skipped, _ := c[kubeadm.KindInit]["skipPhases"].([]any)
	off := document.Lookup(c[kubeadm.KindCluster], "dns", "disabled") == true
	return c[kubeadm.KindInit] != nil && !off && !slices.Contains(skipped, any("addon/coredns")) && !slices.Contains(skipped, any("addon"))
}
