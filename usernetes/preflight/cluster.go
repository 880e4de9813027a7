package preflight

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// How long a cluster is looked for, and how far apart two clocks may be:
// certificates and tokens begin and end by them.
const (
	clusterTimeout  = 10 * time.Second
	clusterInterval = time.Second
	maxClockSkew    = 2 * time.Minute
)

// WithCluster adds what the cluster at an endpoint says of itself. Who
// answers is not proved: kubeadm join does that, by the token and the hash.
// What is read here can only be a reason not to begin.
func (f Facts) WithCluster(ctx context.Context, endpoint string) Facts {
	insecure := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // nothing secret is sent, nothing read is trusted
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: insecure, DisableKeepAlives: true}}
	f.Cluster = askCluster(ctx, client, endpoint)
	return f
}

func askCluster(ctx context.Context, client *http.Client, endpoint string) ClusterFacts {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	facts := ClusterFacts{Endpoint: endpoint}
	for {
		err := facts.ask(ctx, client)
		if err == nil {
			facts.Err = nil
			return facts
		}
		if facts.Err == nil || ctx.Err() == nil {
			facts.Err = err // the last one before the time was over says more
		}
		select {
		case <-ctx.Done():
			return facts
		case <-time.After(clusterInterval):
		}
	}
}

// ask reads version and clock. A cluster that keeps its version from
// strangers has told the time all the same.
func (c *ClusterFacts) ask(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.Endpoint+"/version", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return message.New("the server there is not a Kubernetes API")
	}
	c.Ahead = time.Until(date)
	if response.StatusCode != http.StatusOK {
		return nil
	}
	var answer struct{ GitVersion string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return message.New("the server there is not a Kubernetes API")
	}
	c.Version = answer.GitVersion
	return nil
}

func checkCluster(f Facts, _ node.Node) error {
	if f.Cluster.Err == nil {
		return nil
	}
	return host.NewFault("check that the control plane is running (there: podsec-k8s status) and that its port 6443/tcp is open to this machine",
		"the cluster at %s does not answer: %w", f.Cluster.Endpoint, f.Cluster.Err)
}

func checkClock(f Facts, _ node.Node) error {
	if f.Cluster.Ahead.Abs() <= maxClockSkew {
		return nil
	}
	return host.NewFault("set the clock and keep it synchronized: systemctl enable --now chronyd",
		"the clock of this machine differs from the cluster's by %s", f.Cluster.Ahead.Round(time.Second).Abs())
}

// checkSkew lets only the cluster's own minor in: a kubelet may not be newer
// than its API, and kubeadm not older than what made the cluster.
// Source: the Kubernetes documentation, "Version Skew Policy" and "Creating
// a cluster with kubeadm".
func checkSkew(f Facts, n node.Node) error {
	if f.Cluster.Version == "" {
		return nil
	}
	if minorOf(f.Cluster.Version) == minorOf(n.Kubernetes) {
		return nil
	}
	return host.NewFault("install the podsec-k8s for the cluster's Kubernetes version, or upgrade the cluster first",
		"the cluster runs Kubernetes %s, this machine has %s", f.Cluster.Version, n.Kubernetes)
}

// minorOf returns 1.26 of v1.26.3.
func minorOf(version string) string {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// WithClusterConfig adds the cluster's configuration, as far as the request
// to join may read it. A cluster that can't be proved, or that refuses the
// token, adds nothing: kubeadm join, which does the same again, says why.
func (f Facts) WithClusterConfig(ctx context.Context, j kubeadm.JoinRequest) Facts {
	if f.Cluster.Err != nil {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	config, err := kubeadm.Discover(ctx, j)
	if err != nil {
		slog.Debug("reading the cluster's configuration", "error", err)
		return f
	}
	f.Cluster.Config = config
	return f
}
