package status

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestWatchSilence: an API that answers now and then may take as long as it likes; one
// that does not is the fault, with where to look.
func TestWatchSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 2 * LookInterval
		refused, start := errors.New("connection refused"), time.Now()
		ctx, end := context.WithTimeout(t.Context(), 3*limit)
		defer end()
		asked := 0
		now := func(context.Context) error {
			if asked++; asked%2 == 0 {
				return refused
			}
			return nil
		}
		if err := watchSilence(ctx, now, limit); err != nil || time.Since(start) != 3*limit {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		err := watchSilence(t.Context(), func(context.Context) error { return refused }, limit)
		if !errors.Is(err, refused) || !strings.HasPrefix(err.Error(), "kube-apiserver has not answered for 1s: ") || !strings.Contains(host.AsFault(err).Remedy.String(), "u7s-kube-apiserver.service") {
			t.Error(err)
		}
	})
}

// TestAskAPI: whom the API refuses it answers; without etcd it does not.
func TestAskAPI(t *testing.T) {
	m := playMachine(t, "{}")
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err != nil {
		t.Fatal(err)
	}
	for status, answers := range map[int]bool{0: true, http.StatusForbidden: true, http.StatusUnauthorized: true, http.StatusInternalServerError: false, http.StatusGatewayTimeout: false} {
		m.api.Refuses("GET /api/v1/nodes/w1", status)
		if err := askAPI(t.Context(), api, m.node); (err == nil) != answers {
			t.Errorf("%d: %v", status, err)
		}
	}
	api.Server = "https://127.0.0.1:1"
	if askAPI(t.Context(), api, m.node) == nil {
		t.Error("nothing answers")
	}
}

// TestUntilSilent: what is done while the API answers ends as it likes.
func TestUntilSilent(t *testing.T) {
	m, own := playMachine(t, "{}"), errors.New("its own")
	if err := UntilSilent(t.Context(), m.node, func(context.Context) error { return own }); !errors.Is(err, own) {
		t.Error(err)
	}
	err := until(t.Context(), func(context.Context) error { return own }, func(ctx context.Context) error {
		return UntilSilent(ctx, m.node, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	})
	if !errors.Is(err, own) {
		t.Errorf("ended by another: %v", err)
	}
}
