package host

import (
	"net"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/alt-cloud/podsec-k8s/message"
)

// HandedSocket returns the one local socket that systemd has opened for this
// process. Source: sd_listen_fds(3).
func HandedSocket() (*net.UnixListener, error) {
	listeners, err := activation.Listeners()
	if err != nil {
		return nil, message.Errorf("accepting the socket: %w", err)
	}
	if len(listeners) != 1 {
		return nil, message.Errorf("accepting the socket: expected one descriptor, got %d", len(listeners))
	}
	socket, ok := listeners[0].(*net.UnixListener)
	if !ok {
		return nil, message.New("accepting the socket: it is not a local one")
	}
	return socket, nil
}
