package host

import (
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Ready tells systemd that the calling service is up; status is shown by
// systemctl status and may be empty. Without systemd it does nothing.
// Source: sd_notify(3).
func Ready(status string) error {
	return notify(daemon.SdNotifyReady + "\nSTATUS=" + status)
}

// Status tells systemd what the calling service is doing.
// Source: sd_notify(3).
func Status(status string) error { return notify("STATUS=" + status) }

func notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return message.Errorf("sending %q to systemd: %w", state, err)
	}
	return nil
}
