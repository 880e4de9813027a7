package host

import (
	"context"
	"slices"
)

// A UnitManager is what host changes ask of systemd.
type UnitManager interface {
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	DaemonReload(ctx context.Context) error
	Loaded(ctx context.Context, unit string) (LoadedUnit, error)
	Close()
}

// A LoadedUnit is what a manager has in force for a service, of whatever
// files it was read. The words are systemd's.
// Source: org.freedesktop.systemd1(5).
type LoadedUnit struct {
	Load     string              // loaded, not-found, masked, bad-setting, error
	Active   string              // active, reloading, inactive, failed, activating, deactivating
	Enabled  string              // enabled, disabled, static, masked, …; "" when there is no file
	File     string              // the unit file that was read, "" when there is none
	DropIns  []string            // files that were read after it, in that order
	Stale    bool                // a file has changed since
	PID      uint32              // of the main process; 0 when there is none
	Settings map[string][]string // those of RunSettings that are set, by name
}

// Runs reports whether the service runs, or is about to: one that fails is
// started again and again.
func (u LoadedUnit) Runs() bool {
	return slices.Contains([]string{"active", "reloading", "activating", "deactivating"}, u.Active)
}
