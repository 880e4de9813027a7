package host

import (
	"context"
	"os"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Local is the machine that this program runs on.
func Local(note func(message.Text)) *Host {
	h := &Host{
		Root: "/", State: StateDir, Note: note, Kill: killUsers,
		Run: func(ctx context.Context, c Command) error { return c.Run(ctx) },
	}
	if Booted() {
		h.Units = func(ctx context.Context) (UnitManager, error) { return SystemManager(ctx) }
	}
	return h
}

// Booted reports whether systemd runs the machine. Source: sd_booted(3).
func Booted() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}
