package host

import (
	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// A Manager is one systemd service manager, reached over its own socket, so
// that no message bus is needed.
type Manager struct {
	conn    *systemd.Conn
	signals *dbus.Conn // the one of its two connections on which systemd tells of jobs and units
	logs    string     // how journalctl selects a unit of the manager
}
