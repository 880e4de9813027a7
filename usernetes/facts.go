package usernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	"github.com/alt-cloud/podsec-k8s/host/veth"
)

// Facts is what a machine is like, as the node's user sees it. It is
// gathered once; decisions are made from it alone.
type Facts struct {
	Kubernetes  string           // version of the installed kubeadm, "" when there is none
	Hostname    string           //
	DefaultIP   netip.Addr       // of the interface with the default route; may be invalid
	Addresses   []netip.Prefix   // of all interfaces
	Routes      []netip.Prefix   // that interfaces carry, without the default route
	CgroupV2    bool             // /sys/fs/cgroup is the unified hierarchy
	Tun         error            // why /dev/net/tun can't be opened
	Newuidmap   error            // why newuidmap or newgidmap can't be run
	SubUIDs     uint64           // how many subordinate uids the user has
	SubGIDs     uint64           // how many subordinate gids
	NoUserNS    string           // the sysctl that forbids user namespaces, if one does
	Missing     []string         // programs that are not installed
	TakenPorts  []string         // of the ports asked for, such as "6443/tcp"
	UserManager bool             // the user's systemd runs
	Free        uint64           // bytes that the user may still write to its home's file system
	Size        uint64           // bytes of that file system
	Unfit       map[string]error // network modes that this machine can't have, and why
	Images      ImageFacts       // where the images are that the node needs
	Cluster     ClusterFacts     // the cluster to join
	WantedIDs   uint64           // how many subordinate uids and gids the site asks for
	Proxy       ProxyFacts       // the site's proxy
	Limits      limitFacts       // of the kernel, for the node's user
	Config      kubeadmConfig    // of the node to be made, and of its cluster
	Files       []fileFact       // that Config names
	Patches     []patchFile      // in the folder that Config names
}

// programs lists what a node runs.
func programs() []string {
	return append(components(),
		"kubeadm", "kubelet", "kube-proxy", "kubectl", "crictl", "flanneld", "crio", "crun", "conmon",
		"rootlesskit", "slirp4netns", "nsenter", "ip", "iptables", "conntrack", "skopeo", "newuidmap", "newgidmap")
}

// GatherFacts looks at the machine. What can't be found out is left at its
// zero value, which the checks take for a fault.
func GatherFacts(ctx context.Context) Facts {
	f := Facts{
		Kubernetes:  kubeadmVersion(ctx),
		CgroupV2:    isCgroup2("/sys/fs/cgroup"),
		Tun:         canOpen("/dev/net/tun"),
		Newuidmap:   errors.Join(canRun("newuidmap"), canRun("newgidmap")),
		SubUIDs:     subordinate("/etc/subuid"),
		SubGIDs:     subordinate("/etc/subgid"),
		NoUserNS:    userNSForbidden(),
		Missing:     missing(programs()),
		UserManager: canStat(runtimeDir() + "/systemd/private"),
		Unfit:       unfitModes(ctx),
		Limits:      readLimits("/", uint32(os.Getuid())),
	}
	f.Free, f.Size = diskBytes(Home)
	f.Hostname, _ = os.Hostname()
	f.Addresses = hostAddresses()
	f.Routes, f.DefaultIP = hostRoutes()
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

func canOpen(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func canOpenRead(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func canStat(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func canRun(name string) error {
	if _, err := host.LookPath(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// subordinate counts the ids that a file of subordinate ids gives the user,
// by name or number. Source: subuid(5).
func subordinate(path string) uint64 {
	data, err := host.ReadFile(path)
	if err != nil {
		return 0
	}
	var count uint64
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 3 && (fields[0] == Admin || fields[0] == strconv.Itoa(os.Getuid())) {
			n, _ := strconv.ParseUint(fields[2], 10, 32)
			count += n
		}
	}
	return count
}

// userNSForbidden reads the switches that distributions have for user
// namespaces. Source: user_namespaces(7); ALT's and Debian's kernels.
func userNSForbidden() string {
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

func missing(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, err := host.LookPath(name)
		return err == nil || !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "not found")
	})
}

// hostAddresses lists the machine's own addresses, without that of the end
// which leads to the node.
func hostAddresses() []netip.Prefix {
	var addresses []net.Addr
	devices, _ := net.Interfaces()
	for _, device := range devices {
		if device.Name != veth.HostEnd {
			own, _ := device.Addrs()
			addresses = append(addresses, own...)
		}
	}
	var found []netip.Prefix
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			found = append(found, prefix)
		}
	}
	return found
}

// hostRoutes asks iproute2 for the routes and for the source address of the
// default route.
func hostRoutes() (routes []netip.Prefix, source netip.Addr) {
	out, err := host.Command{Path: "ip", Args: []string{"-json", "route", "show"}}.Output(context.Background())
	if err != nil {
		return nil, source
	}
	routes, device, source := parseRoutes(out)
	if device == "" || source.IsValid() {
		return routes, source
	}
	return routes, firstIPv4(device)
}

// parseRoutes reads ip's JSON: the networks, and the default route's device
// and source address, which may be another device's.
func parseRoutes(data []byte) (routes []netip.Prefix, device string, source netip.Addr) {
	var list []struct {
		Dst    string     `json:"dst"`
		Dev    string     `json:"dev"`
		Source netip.Addr `json:"prefsrc"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, "", source
	}
	for _, r := range list {
		if r.Dev == veth.HostEnd {
			continue
		}
		if r.Dst == "default" {
			if device == "" {
				device, source = r.Dev, r.Source
			}
			continue
		}
		if prefix, err := netip.ParsePrefix(r.Dst); err == nil {
			routes = append(routes, prefix)
		}
	}
	return routes, device, source
}

func firstIPv4(device string) netip.Addr {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return netip.Addr{}
	}
	addresses, _ := i.Addrs()
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil && prefix.Addr().Is4() && prefix.Addr().IsGlobalUnicast() {
			return prefix.Addr()
		}
	}
	return netip.Addr{}
}

// takenPorts tries the published ports of a node on its address. Those that
// the node's own namespaces hold already are not taken.
func takenPorts(n Node) []string {
	own := ownPorts()
	var taken []string
	for _, p := range published(n) {
		if slices.Contains(own, p) {
			continue
		}
		if err := tryListen(p); errors.Is(err, unix.EADDRINUSE) {
			taken = append(taken, fmt.Sprintf("%d/%s", p.port, p.proto))
		}
	}
	return taken
}

// ownPorts lists what RootlessKit publishes now, after a run that ended half
// way.
func ownPorts() []publishedPort {
	pid, err := childPID()
	if err != nil || unix.Kill(pid, 0) != nil {
		return nil
	}
	n, err := LoadNode()
	if err != nil {
		return nil
	}
	return published(n)
}

func tryListen(p publishedPort) error {
	if p.proto == "udp" {
		c, err := net.ListenPacket("udp", p.bind)
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := net.Listen("tcp", p.bind)
	if err != nil {
		return err
	}
	return l.Close()
}

// AdminUser looks up the ids of the node's user. The remedy is for a host
// on which the package's changes were not made.
func AdminUser() (gate.User, error) {
	u, err := user.Lookup(Admin)
	if err != nil {
		return gate.User{}, &host.Fault{
			Err:    fmt.Errorf("the changes to this machine were not finished when podsec-k8s was installed: %w", err),
			Remedy: "podsec-k8s host apply",
		}
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return gate.User{}, fmt.Errorf("reading the ids of %s: %w", Admin, err)
	}
	return gate.User{UID: uint32(uid), GID: uint32(gid)}, nil
}

// WithPorts adds which of the ports that a node publishes are taken.
func (f Facts) WithPorts(n Node) Facts {
	f.TakenPorts = takenPorts(n)
	return f
}
