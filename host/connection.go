package host

import systemd "github.com/coreos/go-systemd/v22/dbus"

// A Manager is one systemd service manager, reached over its own socket, so
// that no message bus is needed.
type Manager struct {
	conn *systemd.Conn
	gone <-chan struct{} // closed when systemd has closed the connection
	logs string          // how journalctl selects a unit of the manager
}
