package preflight

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/gate"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
)

// programs lists what a node runs: its services, and what those and podsec-k8s run.
func programs() []string {
	return append(services.Programs(),
		"kubeadm", "kubectl", "crictl", "crun", "conmon", "slirp4netns", "nsenter", "ip", "iptables", "conntrack", "skopeo", "newuidmap", "newgidmap")
}

// GatherFacts looks at the machine. What cannot be determined is left at its
// zero value, which the checks take for a fault.
func GatherFacts(ctx context.Context) Facts {
	f := Facts{
		Kubernetes:  kubeadmVersion(ctx),
		CgroupV2:    isCgroup2("/sys/fs/cgroup"),
		Tun:         host.CanReadWrite("/dev/net/tun"),
		Newuidmap:   errors.Join(canRun("newuidmap"), canRun("newgidmap")),
		SubUIDs:     countSubIDs("/etc/subuid"),
		SubGIDs:     countSubIDs("/etc/subgid"),
		NoUserNS:    blockedUserNS(),
		Missing:     missingPrograms(programs()),
		Policies:    policyFault(ctx),
		UserManager: host.Exists(node.OwnRuntimeDir() + "/systemd/private"),
		Unfit:       node.UnfitModes(ctx),
		Unmeasured:  node.Unmeasured(),
		Limits:      ReadLimits("/", uint32(os.Getuid())),
	}
	f.Free, f.Size = diskBytes(node.Home)
	f.Hostname, _ = os.Hostname()
	f.Addresses = node.HostAddresses()
	f.Routes, f.DefaultIP = node.HostRoutes()
	slog.Debug("facts", "facts", f)
	return f
}

func kubeadmVersion(ctx context.Context) string {
	out, err := host.Command{Path: "kubeadm", Args: []string{"version", "-o", "short"}}.Output(ctx)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// policyFault is nil where no NetworkPolicies are to be enforced.
func policyFault(ctx context.Context) error {
	if netpolicy.Absent() {
		return nil
	}
	return netpolicy.TrySets(ctx)
}

// isCgroup2 tells cgroup v2 by its magic number. Source: statfs(2).
func isCgroup2(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC
}

// diskBytes asks how much an unprivileged user may still write, and of how
// much. Source: statfs(2).
func diskBytes(path string) (free, size uint64) {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return 0, 0
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize)
}

func canRun(name string) error {
	if _, err := host.LookPath(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// countSubIDs counts the ids that a file of subordinate ids gives the user,
// by name or number. Source: subuid(5).
func countSubIDs(path string) uint64 {
	ranges, err := (&host.Host{Root: "/"}).SubIDRanges(path)
	if err != nil {
		return 0
	}
	var count uint64
	for _, r := range ranges {
		if r.Of(node.Admin, uint32(os.Getuid())) {
			count += r.Count
		}
	}
	return count
}

// blockedUserNS reads the switches that distributions have for user
// namespaces. Source: user_namespaces(7); ALT's and Debian's kernels.
func blockedUserNS() string {
	for path, bad := range map[string]string{
		"/proc/sys/kernel/unprivileged_userns_clone": "0",
		"/proc/sys/user/max_user_namespaces":         "0",
		"/proc/sys/kernel/userns_restrict":           "1",
	} {
		if data, err := host.ReadFile(path); err == nil && strings.TrimSpace(string(data)) == bad {
			return strings.ReplaceAll(strings.TrimPrefix(path, "/proc/sys/"), "/", ".")
		}
	}
	return ""
}

func missingPrograms(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, err := host.LookPath(name)
		return err == nil || !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "not found")
	})
}

// takenPorts tries the published ports of a node on its address. Those that
// the node's own namespaces hold already are not taken.
func takenPorts(n node.Node) []string {
	own := ownPorts(n.IP)
	var taken []string
	for _, p := range portdriver.FixedPorts(n) {
		if slices.Contains(own, p.Key()) {
			continue
		}
		address := net.JoinHostPort(n.IP.String(), strconv.Itoa(p.Number))
		if err := tryListen(p.Proto, address); errors.Is(err, unix.EADDRINUSE) {
			taken = append(taken, p.Key())
		}
	}
	return taken
}

// ownPorts lists what RootlessKit publishes now at an address, after a run that
// ended half way.
func ownPorts(address netip.Addr) (own []string) {
	pid, err := namespace.ChildPID()
	if err != nil || unix.Kill(pid, 0) != nil {
		return nil
	}
	n, err := node.LoadNode()
	if err != nil || n.IP != address {
		return nil
	}
	for _, p := range portdriver.FixedPorts(n) {
		own = append(own, p.Key())
	}
	return own
}

func tryListen(proto, address string) error {
	if proto == "udp" {
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// AdminUser looks up the ids of the node's user. The remedy is for a host
// on which the package's changes were not made.
func AdminUser() (gate.User, error) {
	u, err := user.Lookup(node.Admin)
	if err != nil {
		return gate.User{}, host.NewFault("podsec-k8s host apply",
			"the changes to this machine were not completed when podsec-k8s was installed: %w", err)
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return gate.User{}, message.Errorf("reading the ids of %s: %w", node.Admin, err)
	}
	return gate.User{UID: uint32(uid), GID: uint32(gid)}, nil
}

// WithPorts adds which of the ports that a node publishes are taken.
func (f Facts) WithPorts(n node.Node) Facts {
	f.TakenPorts = takenPorts(n)
	return f
}
