package kubeadm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// maxConfigMap is how many bytes a ConfigMap's answer may have. The API
// itself keeps no more than 1 MiB of data in one.
const maxConfigMap = 2 << 20

// The ConfigMaps that kubeadm join reads.
// Source: kubeadm's "Implementation details", "Upload kubeadm ClusterConfiguration".
const (
	clusterInfoPath   = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
	kubeadmConfigPath = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
	kubeletConfigPath = "/api/v1/namespaces/kube-system/configmaps/kubelet-config"
)

// ClusterConfig reads the cluster's ClusterConfiguration, as YAML.
func ClusterConfig(ctx context.Context, c *kubeapi.Client) ([]byte, error) {
	var object struct {
		Data struct{ ClusterConfiguration string }
	}
	err := c.Get(ctx, kubeadmConfigPath, &object)
	return []byte(object.Data.ClusterConfiguration), err
}

// KubeletConfig reads the cluster's KubeletConfiguration, as YAML.
func KubeletConfig(ctx context.Context, c *kubeapi.Client) ([]byte, error) {
	var object struct {
		Data struct{ Kubelet string }
	}
	err := c.Get(ctx, kubeletConfigPath, &object)
	return []byte(object.Data.Kubelet), err
}

// MoveClusterInfo makes the server of the public cluster-info the given one: kubeadm
// leaves what is there as it is. Source: kubeadm's phases/bootstraptoken/clusterinfo.
func MoveClusterInfo(ctx context.Context, c *kubeapi.Client, server string) error {
	var object struct{ Data map[string]string }
	if err := c.Get(ctx, clusterInfoPath, &object); err != nil {
		return err
	}
	text, err := WithServer([]byte(object.Data["kubeconfig"]), server)
	if err != nil {
		return err
	}
	patch := document.Document{"data": document.Document{"kubeconfig": string(text)}}
	return c.Send(ctx, http.MethodPatch, clusterInfoPath, "application/merge-patch+json", patch)
}

// WithServer is a kubeconfig whose clusters have that server.
func WithServer(kubeconfig []byte, server string) ([]byte, error) {
	docs, err := document.Parse(kubeconfig)
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		clusters, _ := doc["clusters"].([]any)
		for _, entry := range clusters {
			if named, ok := entry.(document.Document); ok {
				document.Put(named, server, "cluster", "server")
			}
		}
	}
	return document.Format(docs)
}

// Discover reads the cluster's configuration as a bootstrap token may. The
// token is sent only to a server whose certificate one of the pinned
// certificate authorities has signed. Source: kubeadm's design of discovery.
func Discover(ctx context.Context, j JoinRequest) (Config, error) {
	proved, err := provedClient(ctx, j)
	if err != nil {
		return nil, err
	}
	config := Config{}
	for _, from := range []struct{ kind, path, key string }{
		{KindCluster, kubeadmConfigPath, KindCluster},
		{KindKubelet, kubeletConfigPath, "kubelet"},
	} {
		data, err := getConfigMap(ctx, proved, "https://"+j.Endpoint+from.path, j.Token)
		if err != nil {
			return nil, err
		}
		var doc document.Document
		if err := yaml.Unmarshal([]byte(data[from.key]), &doc); err != nil {
			return nil, message.Errorf("reading %s from the cluster: %w", from.kind, err)
		}
		config[from.kind] = doc
	}
	return config, nil
}

// ReadWithToken reads the data of a ConfigMap as a bootstrap token may, from a server
// that is proved as Discover does.
func ReadWithToken(ctx context.Context, j JoinRequest, path string) (map[string]string, error) {
	proved, err := provedClient(ctx, j)
	if err != nil {
		return nil, err
	}
	return getConfigMap(ctx, proved, "https://"+j.Endpoint+path, j.Token)
}

// provedClient trusts the pinned certificate authorities of the cluster alone.
func provedClient(ctx context.Context, j JoinRequest) (*http.Client, error) {
	insecure := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // nothing secret is sent, and what is read is checked by its hash
	info, err := getConfigMap(ctx, discoveryClient(insecure), "https://"+j.Endpoint+clusterInfoPath, "")
	if err != nil {
		return nil, err
	}
	pool, err := pinnedAuthorities([]byte(info["kubeconfig"]), j.CAHashes)
	if err != nil {
		return nil, err
	}
	return discoveryClient(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}), nil
}

// discoveryClient follows no redirect: the token is for one server alone.
func discoveryClient(config *tls.Config) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// getConfigMap reads the data of a ConfigMap, with a token unless it is "".
func getConfigMap(ctx context.Context, client *http.Client, url, token string) (map[string]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	if response.StatusCode != http.StatusOK {
		return nil, message.Errorf("%s answers %s", url, response.Status)
	}
	var object struct{ Data map[string]string }
	if err := json.NewDecoder(io.LimitReader(response.Body, maxConfigMap)).Decode(&object); err != nil {
		return nil, message.Errorf("reading the answer of %s: %w", url, err)
	}
	return object.Data, nil
}

// pinnedAuthorities reads the certificate authorities in a kubeconfig and
// returns those that have one of the hashes. Source: kubeadm's documentation
// of --discovery-token-ca-cert-hash: SHA-256 of the public key's DER form.
func pinnedAuthorities(data []byte, hashes []string) (*x509.CertPool, error) {
	clusters, err := kubeapi.Clusters(data)
	if err != nil {
		return nil, message.Errorf("reading the cluster's kubeconfig: %w", err)
	}
	pool, found := x509.NewCertPool(), false
	for _, cluster := range clusters {
		for block, rest := pem.Decode(bytes.TrimSpace(cluster.CA)); block != nil; block, rest = pem.Decode(rest) {
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, message.Errorf("reading the cluster's certificate authority: %w", err)
			}
			if slices.ContainsFunc(hashes, func(pin string) bool { return strings.EqualFold(pin, keyHash(cert)) }) {
				pool.AddCert(cert)
				found = true
			}
		}
	}
	if !found {
		return nil, message.New("no certificate authority of the cluster has one of the specified hashes")
	}
	return pool, nil
}

// keyHash is the pin of a certificate's public key.
func keyHash(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}
