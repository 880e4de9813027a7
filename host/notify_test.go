package host

import (
	"net"
	"path/filepath"
	"testing"
)

// TestNotify: systemd is told, where there is one.
func TestNotify(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Ready(""); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // the test has ended
	t.Setenv("NOTIFY_SOCKET", path)
	for want, say := range map[string]func(string) error{"READY=1\nSTATUS=well": Ready, "STATUS=well": Status} {
		if err := say("well"); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 100)
		if n, err := socket.Read(text); err != nil || string(text[:n]) != want {
			t.Errorf("systemd was told %q, %v", text[:n], err)
		}
	}
	t.Setenv("NOTIFY_SOCKET", path+"x")
	if err := Ready(""); err == nil {
		t.Error("nobody was told")
	}
}
