package usernetes

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
)

// NeededImages lists the images without which the planned node does not start:
// pause, and on a cluster's first control plane CoreDNS, in kubeadm's own
// words. No other image of kubeadm's is used.
// Source: kubeadm config images list --help.
func (p Plan) NeededImages(ctx context.Context) ([]string, error) {
	pause, err := p.Node.pauseImage()
	if err != nil {
		return nil, err
	}
	needed, err := fullNames(pause)
	if err != nil || !p.DNS {
		return needed, err
	}
	docs, err := parseDocuments(p.Config)
	if err != nil {
		return nil, err
	}
	cluster, err := formatDocuments(slices.DeleteFunc(docs, func(d document) bool { return d["kind"] != kindCluster }))
	if err != nil {
		return nil, err
	}
	out, err := host.Command{
		Path: "kubeadm", Args: []string{"config", "images", "list", "--config=/dev/stdin"},
		Env: environment(), Stdin: bytes.NewReader(cluster),
	}.Output(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking kubeadm for the name of CoreDNS' image: %w", err)
	}
	dns, err := dnsImage(string(out))
	if err != nil {
		return nil, err
	}
	dnsName, err := fullNames(dns)
	return append(needed, dnsName...), err
}
