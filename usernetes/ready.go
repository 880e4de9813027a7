package usernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// missingParts names the parts that are not well, or is nil.
func missingParts(parts []part, now time.Time) error {
	var texts []string
	remedy := "mend what it says itself, and run the same command again: it goes on; its whole log: journalctl"
	for _, p := range parts {
		if line := p.line(now); line.Fault != "" {
			texts = append(texts, line.Unit+": "+line.Fault)
			remedy += " _SYSTEMD_USER_UNIT=" + line.Unit
		}
	}
	if texts == nil {
		return nil
	}
	return &host.Fault{Err: fmt.Errorf("not up after %s: %s", partTimeout, strings.Join(texts, "; ")), Remedy: remedy + " -n 50 --no-pager"}
}

// ownAPI is the API by which a node is to be asked about itself: a control
// plane's own, on its own address, a worker's cluster's.
func ownAPI(n Node) (*apiClient, error) {
	api, err := newAPIClient(kubeletConf)
	if err == nil && n.APIPort != 0 {
		api.server = "https://" + netip.AddrPortFrom(n.IP, uint16(n.APIPort)).String()
	}
	return api, err
}

// errNotInCluster says that the cluster does not know the node.
var errNotInCluster = errors.New("the cluster has no Node object of this node: it was deleted")

// askOwnNode returns why the cluster does not count on this node, or nil.
func askOwnNode(ctx context.Context, api *apiClient, n Node) error {
	own, err := api.node(ctx, n.Name)
	var refused *apiError
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusNotFound:
		return host.NewFault("let the kubelet make it again: systemctl restart kubelet", "node %s: %w", n.Name, errNotInCluster)
	case err != nil:
		return err
	case !own.ready():
		return host.NewFault("podsec-k8s kubectl describe node "+n.Name, "node %s is not ready: %s", n.Name, own.unreadiness())
	}
	return nil
}

// awaitReady waits until the cluster counts the node as ready.
func awaitReady(ctx context.Context, n Node) error {
	api, err := ownAPI(n)
	if err != nil {
		return err
	}
	return within(ctx, readyTimeout, func() error { return askOwnNode(ctx, api, n) })
}

const readyTimeout = 4 * time.Minute
