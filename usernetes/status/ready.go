package status

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// MissingParts names the parts that are not well, or is nil.
func MissingParts(parts []Part, now time.Time) error {
	var texts []message.Text
	var options []string
	for _, p := range parts {
		if line := p.line(now); !line.Fault.Empty() {
			texts = append(texts, message.Of("%s: %s", line.Unit, line.Fault))
			options = append(options, "_SYSTEMD_USER_UNIT="+line.Unit)
		}
	}
	if texts == nil {
		return nil
	}
	return host.WithRemedy(message.Errorf("not ready after %s: %s", kubeadm.PartTimeout, message.List("; ", texts...)),
		"fix what the service reports and run the same command again to continue; its whole log: journalctl %s -n 50 --no-pager", strings.Join(options, " "))
}

// ownAPI is the API by which a node is to be asked about itself: a control
// plane's own, on its own address, a worker's cluster's.
func ownAPI(n node.Node) (*kubeapi.Client, error) {
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err == nil && n.APIPort != 0 {
		api.Server = "https://" + n.APIAddress()
	}
	return api, err
}

// errNotInCluster says that the cluster does not know the node.
var errNotInCluster = message.New("the cluster has no Node object for this node: it was deleted")

// askOwnNode returns why the cluster does not count on this node, or nil.
func askOwnNode(ctx context.Context, api *kubeapi.Client, n node.Node) error {
	own, err := api.Node(ctx, n.Name)
	var refused *kubeapi.Error
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return host.NewFault("restart the kubelet, which creates it again: systemctl restart kubelet", "node %s: %w", n.Name, errNotInCluster)
	case err != nil:
		return err
	case !own.Ready():
		return host.WithRemedy(message.Errorf("node %s is not ready: %s", n.Name, own.Unreadiness()),
			"podsec-k8s kubectl describe node %s", n.Name)
	}
	return nil
}

// AwaitReady waits until the cluster counts the node as ready.
func AwaitReady(ctx context.Context, n node.Node) error {
	api, err := ownAPI(n)
	if err != nil {
		return err
	}
	return wait.Until(ctx, ReadyTimeout, func() error { return askOwnNode(ctx, api, n) })
}

// ReadyTimeout is how long a node may take until the cluster counts on it.
const ReadyTimeout = 4 * time.Minute

// AwaitVersion waits until the cluster knows the kubelet as one of the node's version,
// and the kube-apiserver of a control plane says the same of itself.
func AwaitVersion(ctx context.Context, n node.Node) error {
	api, err := ownAPI(n)
	if err != nil {
		return err
	}
	return wait.Until(ctx, ReadyTimeout, func() error { return askVersion(ctx, api, n) })
}

func askVersion(ctx context.Context, api *kubeapi.Client, n node.Node) error {
	own, err := api.Node(ctx, n.Name)
	if err != nil {
		return err
	}
	if version := own.Status.NodeInfo.KubeletVersion; version != n.Kubernetes {
		return message.Errorf("the cluster knows this node's kubelet as %s, not %s", host.Printable(version), n.Kubernetes)
	}
	if n.APIPort == 0 {
		return nil
	}
	var server struct{ GitVersion string }
	if err := api.Get(ctx, "/version", &server); err != nil {
		return err
	}
	if server.GitVersion != n.Kubernetes {
		return message.Errorf("this node's kube-apiserver is %s, not %s", host.Printable(server.GitVersion), n.Kubernetes)
	}
	return nil
}
