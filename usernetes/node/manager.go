package node

import (
	"context"
	"os"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
)

// StartRemedy says how to bring the node's services up again. Starting a guard
// that runs does nothing.
func StartRemedy(guard bool) message.Format {
	if guard {
		return "restart the node's services: " + host.RestartNode
	}
	return "start the node: systemctl start kubelet"
}

// guardProcesses lists the processes of kubelet.service, for everyone to read.
// Source: systemd's naming of control groups, systemd.slice(5).
const guardProcesses = "/sys/fs/cgroup/system.slice/" + units.Guard + "/cgroup.procs"

// GuardRuns reports whether kubelet.service runs. The node's user can't ask
// the system's systemd.
func GuardRuns() bool {
	data, err := host.ReadFile(guardProcesses)
	return err == nil && hasProcess(string(data))
}

// hasProcess reads a list of process ids; 0 stands for one of another process
// namespace, which is none of ours. Source: the kernel's cgroup-v2.rst,
// "cgroup.procs".
func hasProcess(ids string) bool {
	for id := range strings.FieldsSeq(ids) {
		if id != "0" {
			return true
		}
	}
	return false
}

// UserManager connects to the systemd of u7s-admin, from inside the
// namespaces as well.
func UserManager(ctx context.Context) (*host.Manager, error) {
	uid, err := outerUID()
	if err != nil {
		return nil, err
	}
	return host.UserManager(ctx, OwnRuntimeDir(), uid)
}

// outerUID returns the uid of this process as the host counts it.
// Source: user_namespaces(7), "User and group ID mappings".
func outerUID() (uint32, error) {
	data, err := host.ReadFile("/proc/self/uid_map")
	if err != nil {
		return 0, message.Errorf("finding the user id: %w", err)
	}
	return parseOuterUID(string(data), uint32(os.Getuid()))
}

// parseOuterUID looks an id up in a map of lines "inside outside count".
func parseOuterUID(uidMap string, uid uint32) (uint32, error) {
	for line := range strings.Lines(uidMap) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		var n [3]uint64
		for i, field := range fields {
			value, err := strconv.ParseUint(field, 10, 32)
			if err != nil {
				return 0, message.Errorf("reading the id map: %w", err)
			}
			n[i] = value
		}
		if id := uint64(uid); id >= n[0] && id < n[0]+n[2] {
			return uint32(n[1] + id - n[0]), nil
		}
	}
	return 0, message.Errorf("user %d is not in any id map", uid)
}
