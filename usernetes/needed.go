package usernetes

import (
	"bytes"
	"context"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
)

// NeededImages lists the images without which the planned node does not start:
// pause, and on a cluster's first control plane CoreDNS, in kubeadm's own
// words. No other image of kubeadm's is used.
// Source: kubeadm config images list --help.
func (p Plan) NeededImages(ctx context.Context) ([]string, error) {
	pause, err := p.Node.PauseImage()
	if err != nil {
		return nil, err
	}
	needed, err := images.FullNames(pause)
	if err != nil || !p.DNS {
		return needed, err
	}
	docs, err := document.Parse(p.Config)
	if err != nil {
		return nil, err
	}
	cluster, err := document.Format(slices.DeleteFunc(docs, func(d document.Document) bool { return d["kind"] != kubeadm.KindCluster }))
	if err != nil {
		return nil, err
	}
	out, err := listImages(ctx, "kubeadm", cluster)
	if err != nil {
		return nil, err
	}
	dns, err := images.DNSImage(out)
	if err != nil {
		return nil, err
	}
	dnsName, err := images.FullNames(dns)
	return append(needed, dnsName...), err
}

// listImages has a kubeadm list the images of a cluster.
func listImages(ctx context.Context, program string, cluster []byte) (string, error) {
	out, err := host.Command{
		Path: program, Args: []string{"config", "images", "list", "--config=/dev/stdin"},
		Env: namespace.Environment(), Stdin: bytes.NewReader(cluster),
	}.Output(ctx)
	if err != nil {
		return "", message.Errorf("getting the name of the CoreDNS image from kubeadm: %w", err)
	}
	return string(out), nil
}
