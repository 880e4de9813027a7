package certs

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// clusterWait is how long a cluster is waited for that starts with the node.
const clusterWait = 2 * time.Minute

// Warn writes to the journal which certificates of a node have ended or end soon,
// and puts it on the Node as events. It is what a timer runs every day.
func Warn(ctx context.Context, n node.Node) error {
	now := time.Now()
	ended, soon := Problems(Read(), now)
	var faults []error
	for reason, all := range map[string][]*host.Fault{"CertificateExpired": ended, "CertificateExpiresSoon": soon} {
		for _, f := range all {
			slog.Warn("certificates", "problem", f.Say(), "remedy", f.Remedy)
			faults = append(faults, wait.Until(ctx, clusterWait, func() error { return sendEvent(ctx, n, now, reason, f) }))
		}
	}
	return errors.Join(faults...)
}

// sendEvent puts an event on the Node, as the kubelet does.
// Source: the Kubernetes API reference, core/v1 Event.
func sendEvent(ctx context.Context, n node.Node, now time.Time, reason string, f *host.Fault) error {
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err == nil {
		err = api.Send(ctx, http.MethodPost, "/api/v1/namespaces/default/events", "application/json", document.Document{
			"apiVersion": "v1", "kind": "Event", "metadata": document.Document{"generateName": n.Name + ".", "namespace": "default"},
			"involvedObject": document.Document{"apiVersion": "v1", "kind": "Node", "name": n.Name, "uid": n.Name},
			"reason":         reason, "message": f.Error() + "; " + f.Remedy.String(), "type": "Warning", "count": 1,
			"firstTimestamp": now.UTC().Format(time.RFC3339), "lastTimestamp": now.UTC().Format(time.RFC3339),
			"source": document.Document{"component": "podsec-k8s", "host": n.Name},
		})
	}
	if err != nil {
		return message.Errorf("putting an event on the node: %w", err)
	}
	return nil
}
