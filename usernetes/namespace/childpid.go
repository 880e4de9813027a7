package namespace

import (
	"context"
	"path/filepath"
	"strconv"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// ChildPIDFile names the process that holds the namespaces. Source: the state
// folder in rootlesskit's docs/process.md.
func ChildPIDFile() string { return filepath.Join(node.RootlessKitDir(), "child_pid") }

// childPIDTimeout is how long RootlessKit may take to write that file.
const childPIDTimeout = 20 * time.Second

// awaitChildPID waits until RootlessKit has written which process holds the
// namespaces: its own work on them is done then.
// Source: rootlesskit's pkg/parent/parent.go, Parent.
func awaitChildPID(ctx context.Context) error {
	return wait.Until(ctx, childPIDTimeout, func() error {
		data, err := host.ReadFile(ChildPIDFile())
		if err == nil && len(data) == 0 {
			err = message.New("it is empty")
		}
		if err != nil {
			return message.Errorf("waiting for RootlessKit's child_pid file: %w", err)
		}
		return nil
	})
}

// ChildPID reads which process holds the namespaces.
func ChildPID() (int, error) {
	data, err := host.ReadFile(ChildPIDFile())
	switch {
	case err == nil:
	case !host.Exists(node.NodeFile):
		return 0, node.NoNode()
	default:
		return 0, host.NewFault(node.StartRemedy(node.GuardRuns()), "finding the node's namespaces: %w", err)
	}
	return strconv.Atoi(string(data))
}
