package namespace

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// endTimeout is how long what runs in the namespaces may take to end by
// itself; after it the namespaces end with all in them.
const endTimeout = 10 * time.Second

// endAll asks everything in the namespaces to end, and waits for it. Most has
// ended before them, with its own unit; a container in a cgroup of its own is
// in none, and would be killed without a word. It is for the process that
// RootlessKit runs, which the signal spares, as it does RootlessKit itself.
// Source: kill(2), "If pid equals -1"; pid_namespaces(7).
func endAll(ctx context.Context) error {
	err := unix.Kill(everyone, unix.SIGTERM)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return message.Errorf("ending the processes in the namespaces: %w", err)
	}
	allGone := func() error {
		if err := unix.Kill(everyone, 0); !errors.Is(err, unix.ESRCH) {
			return message.New("a process has not ended")
		}
		return nil
	}
	if wait.Until(ctx, endTimeout, allGone) != nil {
		slog.Warn("killing what has not ended in the namespaces", "waited", endTimeout)
	}
	return nil
}

// everyone is each process of the process namespace but its first, and but
// the one that asks.
const everyone = -1

// insideOnly refuses to work on the machine itself, where endAll and the
// mounts would meet what is not the node's.
func insideOnly() error {
	ids, err := host.ReadFile("/proc/self/uid_map")
	if err != nil {
		return message.Errorf("reading the user namespace: %w", err)
	}
	if mapsAll(string(ids)) {
		return host.NewFault("start the node: systemctl start kubelet",
			"only RootlessKit runs this, in a user namespace")
	}
	return nil
}

// mapsAll tells by its map of user ids whether a user namespace is the
// machine's own. Source: user_namespaces(7), "the initial user namespace".
func mapsAll(ids string) bool {
	return slices.Equal(strings.Fields(ids), []string{"0", "0", "4294967295"})
}
