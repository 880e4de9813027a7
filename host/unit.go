package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// stopTimeout bounds how long systemd may take to stop a unit that goes. What is
// not stopped then is killed: whoever erases a package waits for it.
const stopTimeout = 40 * time.Second

// startTimeout bounds how long a user's systemd may take to come up, before what
// waits for it goes on without.
const startTimeout = time.Minute

// Reload makes systemd read its unit files again, both when a plan is made
// and when it is undone: it stands before and behind changes of unit files.
type Reload struct{ Of message.Format }

// Kind names the type in the journal.
func (r Reload) Kind() string { return "reload" }

// Key tells several reloads of a plan apart.
func (r Reload) Key() string { return string(r.Of) }

// Describe is the line a plan prints.
func (r Reload) Describe() message.Text { return message.Of("reload systemd's units, %s", r.Of) }

// Record has nothing to keep.
func (r Reload) Record(*Host) (Before, error) { return before(nil) }

// Apply reloads.
func (r Reload) Apply(ctx context.Context, h *Host) error {
	return h.withUnits(ctx, func(m UnitManager) error { return m.DaemonReload(ctx) })
}

// Undo reloads.
func (r Reload) Undo(ctx context.Context, h *Host, _ Before) error { return r.Apply(ctx, h) }

// Stopped is a unit that is stopped before what it needs is taken away. With a
// Program, only where the unit's main process is one: what another file made it
// run, and what ran before, is not ours to stop.
type Stopped struct {
	Unit    string
	Program []string `json:",omitempty"` // a path and its first arguments
}

// Kind names the type in the journal.
func (s Stopped) Kind() string { return "stopped" }

// Key is the unit.
func (s Stopped) Key() string { return s.Unit }

// Describe is the line a plan prints.
func (s Stopped) Describe() message.Text {
	return message.Of("stop %s when podsec-k8s is uninstalled", s.Unit)
}

// Record has nothing to keep.
func (s Stopped) Record(*Host) (Before, error) { return before(nil) }

// Apply does nothing: whether the unit runs is not for an installation.
func (s Stopped) Apply(context.Context, *Host) error { return nil }

// Undo stops the unit.
func (s Stopped) Undo(ctx context.Context, h *Host, _ Before) error {
	return h.withUnits(ctx, func(m UnitManager) error {
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		if len(s.Program) > 0 {
			u, err := m.Loaded(ctx, s.Unit)
			if err != nil {
				return err
			}
			if argv := h.Commandline(u.PID); argv != nil && !begins(argv, s.Program) {
				h.note("%s runs %s, which does not belong to podsec-k8s, and is left as it is", s.Unit, argv[0])
				return nil
			}
		}
		return m.Stop(ctx, s.Unit)
	})
}

// Linger keeps a user's systemd running without a session, from boot on.
// Source: loginctl(1), "enable-linger"; the files of systemd-logind.
type Linger struct {
	User string
	UID  uint32
}

const lingerDir = "/var/lib/systemd/linger"

// Kind names the type in the journal.
func (l Linger) Kind() string { return "linger" }

// Key is the user.
func (l Linger) Key() string { return l.User }

// Describe is the line a plan prints.
func (l Linger) Describe() message.Text {
	return message.Of("start the services of %s at boot (linger)", l.User)
}

func (l Linger) file() string    { return filepath.Join(lingerDir, l.User) }
func (l Linger) writes() string  { return l.file() }
func (l Linger) manager() string { return fmt.Sprintf("user@%d.service", l.UID) }

type lingerBefore struct {
	Lingered bool
	Folder   bool // there was a folder of such users
}

// Record keeps whether the user lingered already.
func (l Linger) Record(h *Host) (Before, error) {
	return before(lingerBefore{Lingered: h.present(l.file()), Folder: h.present(lingerDir)})
}

// Apply lets logind note the user, and waits for the user's manager. That one
// is the user's, and when it does not come up no package is held up: a node says
// later what is wrong. Where no systemd runs, in an image that is being built, it
// makes logind's note.
func (l Linger) Apply(ctx context.Context, h *Host) error {
	if h.Units == nil {
		return l.note(h)
	}
	if err := h.run(ctx, "loginctl", "enable-linger", l.User); err != nil {
		return err
	}
	return h.withUnits(ctx, func(m UnitManager) error {
		starting, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		if err := m.Start(starting, l.manager()); err != nil {
			h.note("warning: the systemd of %s is not running: %w", l.User, err)
		}
		return ctx.Err()
	})
}

func (l Linger) note(h *Host) error {
	if h.present(l.file()) {
		return nil
	}
	if err := h.makeFolders(l.file()); err != nil {
		return err
	}
	return h.write(l.file(), nil, 0o644)
}

// Undo stops the user's services, when only we let them linger.
func (l Linger) Undo(ctx context.Context, h *Host, b Before) error {
	was, err := decodeBefore[lingerBefore](b)
	if err != nil || was.Lingered {
		return err
	}
	if h.Units != nil && h.present(l.file()) {
		if err := h.run(ctx, "loginctl", "disable-linger", l.User); err != nil {
			return err
		}
	}
	if err := h.withUnits(ctx, func(m UnitManager) error { return l.stop(ctx, m) }); err != nil {
		return err
	}
	return l.forget(h, was)
}

// forget removes logind's note, and its folder when that was not there.
func (l Linger) forget(h *Host, was lingerBefore) error {
	if h.present(l.file()) {
		if err := h.remove(l.file()); err != nil {
			return err
		}
	}
	if was.Folder || !h.present(lingerDir) {
		return nil
	}
	if err := h.remove(lingerDir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// stop ends the manager and its runtime folder.
func (l Linger) stop(ctx context.Context, m UnitManager) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	return errors.Join(m.Stop(ctx, l.manager()), m.Stop(ctx, fmt.Sprintf("user-runtime-dir@%d.service", l.UID)))
}
