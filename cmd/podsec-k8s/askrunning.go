package main

import (
	"context"
	"fmt"
	"io"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/gate"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// askRunning has u7s-admin do a task for a package manager, if its systemd runs: one that
// does not has nothing running.
func askRunning[Request any](ctx context.Context, t *task[Request], r Request) error {
	admin, err := preflight.AdminUser()
	if err != nil {
		return err
	}
	if runs, err := userManagerRuns(ctx, admin); err != nil || !runs {
		return err
	}
	c, err := nodeCall(ctx, t.name, t.timeout)
	if err != nil {
		return err
	}
	return c.Show(ctx, r, io.Discard, io.Discard)
}

// userManagerRuns asks the system's systemd, where one runs, for the user's:
// root does not look into what is the user's.
func userManagerRuns(ctx context.Context, admin gate.User) (up bool, err error) {
	err = withSystem(ctx, func(m *host.Manager) error {
		state, err := m.State(ctx, fmt.Sprintf("user@%d.service", admin.UID))
		up = state.Up()
		return err
	})
	return up, err
}
