package certs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// clusterWait is how long a cluster is waited for that starts with the node.
const clusterWait = 2 * time.Minute

// Warn writes to the journal which certificates of a node have ended or end soon,
// and puts it on the Node as events. It is what a timer runs every day.
func Warn(ctx context.Context, n node.Node) error {
	ended, soon := Problems(Read(), time.Now())
	var faults []error
	for reason, all := range map[string][]*host.Fault{"CertificateExpired": ended, "CertificateExpiresSoon": soon} {
		for _, f := range all {
			slog.Warn("certificates", "problem", f.Say(), "remedy", f.Remedy)
			faults = append(faults, wait.Until(ctx, clusterWait, func() error { return sendEvent(ctx, n, reason, f) }))
		}
	}
	return errors.Join(faults...)
}

// sendEvent puts an event on the Node, which the kubelet names by its name, too.
func sendEvent(ctx context.Context, n node.Node, reason string, f *host.Fault) error {
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err == nil {
		err = api.Warn(ctx, kubeapi.Object{Kind: "Node", Name: n.Name, UID: n.Name}, n.Name, reason, f.Error()+"; "+f.Remedy.String())
	}
	if err != nil {
		return message.Errorf("putting an event on the node: %w", err)
	}
	return nil
}
