package status

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// UntilSilent does something that waits for this control plane's API, and ends it once
// that has not answered for as long as a part of the node may take to come up: the
// kubeadm of 1.26 would wait for minutes, and has no setting for that.
// Source: kubeadm's constants.go, UpgradeManifestTimeout.
func UntilSilent(ctx context.Context, n node.Node, do func(context.Context) error) error {
	api, err := ownAPI(n)
	if err != nil {
		return err
	}
	ask := func(ctx context.Context) error { return askAPI(ctx, api, n) }
	return until(ctx, func(ctx context.Context) error { return watchSilence(ctx, ask, kubeadm.PartTimeout) }, do)
}

// watchSilence asks until there was no answer for as long as limit, which is the error,
// or ctx has ended.
func watchSilence(ctx context.Context, ask func(context.Context) error, limit time.Duration) error {
	for heard := time.Now(); ; {
		err := ask(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			heard = time.Now()
		case time.Since(heard) > limit:
			return host.WithRemedy(message.Errorf("kube-apiserver has not answered for %s: %w", limit, err),
				"fix what the service reports and run the same command again to continue; its whole log: journalctl _SYSTEMD_USER_UNIT=%s -n 50 --no-pager", units.Component("kube-apiserver"))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(LookInterval):
		}
	}
}

// askAPI is why the API does not answer, or nil. Whom it refuses, it answers; without
// etcd it can't. Source: the Kubernetes documentation, "API conventions", status codes.
func askAPI(ctx context.Context, api *kubeapi.Client, n node.Node) error {
	ctx, cancel := context.WithTimeout(ctx, wait.ProbeTimeout)
	defer cancel()
	_, err := api.Node(ctx, n.Name)
	var refused *kubeapi.Error
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		return nil
	}
	return err
}
