package images

import (
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

func TestDNSImage(t *testing.T) {
	const list = "r/kube-apiserver:v1.26.3\nr/etcd:3.5.6-0\nregistry.k8s.io/coredns/coredns:v1.9.3\n"
	if image, err := DNSImage(list); err != nil || image != "registry.k8s.io/coredns/coredns:v1.9.3" {
		t.Errorf("%q, %v", image, err)
	}
	if _, err := DNSImage("r/etcd:3.5.6-0\n"); err == nil {
		t.Error("found where there is none")
	}
}

func TestFullNames(t *testing.T) {
	if all, err := FullNames("r.test:5000/pause:3.9", "mirror/coredns:v1"); err != nil || !slices.Equal(all, []string{"r.test:5000/pause:3.9", "docker.io/mirror/coredns:v1"}) {
		t.Errorf("%q, %v", all, err)
	}
	if _, err := FullNames("https://r.test/pause:3.9"); err == nil || !strings.Contains(host.AsFault(err).Remedy.String(), "IMAGE_REPOSITORY") {
		t.Errorf("an address in place of a name: %v", err)
	}
}
