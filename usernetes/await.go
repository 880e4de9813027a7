package usernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// apiTimeout is how long the services that need the API wait for their
// apiserver to be ready; then they start all the same, and try for
// themselves.
const (
	apiTimeout  = 15 * time.Second
	apiInterval = 100 * time.Millisecond
)

// awaitAPI waits until the apiserver of this node is ready, and not only
// serving: before it has made its ClusterRoles it refuses the other
// components, which then come back seconds later. It runs in the node.
// Source: the Kubernetes documentation, "Kubernetes API health endpoints".
func awaitAPI(ctx context.Context, n node.Node) error {
	ca, err := host.ReadFile(node.CAFile)
	if err != nil {
		return message.Errorf("reading the cluster's certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	url := "https://" + n.APIAddress() + "/readyz"
	for !answers(ctx, &client, url) {
		select {
		case <-ctx.Done():
			slog.Warn("the apiserver is not ready yet", "waited", apiTimeout)
			return nil
		case <-time.After(apiInterval):
		}
	}
	return nil
}

// answers reports whether a URL answers well; so it does for a cluster where
// nobody may ask without a name.
func answers(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()               //nolint:errcheck // read to its end
	_, _ = io.Copy(io.Discard, response.Body) // so that the connection is used again
	return response.StatusCode == http.StatusOK || response.StatusCode == http.StatusUnauthorized
}

// awaitKnown waits until the kubelet has an identity and has made the node known
// to the cluster, maybe a moment after kubeadm has seen it run, and gives a
// client with that identity.
func awaitKnown(ctx context.Context, n node.Node) (api *kubeapi.Client, err error) {
	err = wait.Until(ctx, startTimeout, func() error {
		if api, err = kubeapi.NewClient(node.KubeletConf); err != nil {
			return err
		}
		_, err = api.Node(ctx, n.Name)
		return err
	})
	return api, err
}
