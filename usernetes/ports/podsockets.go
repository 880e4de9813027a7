package ports

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Bounds of one look, so that no pod can make it long.
const (
	maxSockets  = 4096  // listening sockets of the node
	maxPodFiles = 65536 // open files of pods
)

// firstShortLived is where the ports begin that the kernel gives to sockets
// which ask for any. Source: ip-sysctl, ip_local_port_range.
const firstShortLived = 32768

// podSockets finds out what pods with the node's network listen on. It works
// outside of the namespaces, by what the kernel shows their owner of them.
type podSockets struct {
	node  node.Node
	proc  string
	child func() (int, error) // the process that holds the namespaces

	found   []listener
	sockets []socket        // that listened at the last look
	uids    []string        // of the pods then
	settled int             // looks since something changed
	earlier map[string]bool // inodes of UDP sockets at the last look
}

func newPodSockets(n node.Node) *podSockets {
	return &podSockets{node: n, proc: "/proc", child: namespace.ChildPID}
}

// changed looks again, and reports whether there is something else than
// before.
func (s *podSockets) changed(pods []kubeapi.Pod, hostIPs []netip.Addr) bool {
	before := s.found
	return !slices.Equal(before, s.look(pods, hostIPs))
}

// look lists what the pods of this node listen on: on every address, the
// node's, or those that pods ask for. Where no pod has the node's
// network it asks for nothing, and where nothing has changed for two looks it
// only reads which sockets listen.
func (s *podSockets) look(pods []kubeapi.Pod, hostIPs []netip.Addr) []listener {
	uids := hostNetworkUIDs(pods)
	if len(uids) == 0 {
		s.found, s.uids = nil, nil
		return nil
	}
	sockets, err := s.listening(append([]netip.Addr{s.node.IP}, hostIPs...))
	if err != nil {
		slog.Warn("looking for what pods listen on", "error", err)
		return s.found
	}
	s.settled++
	if !slices.Equal(sockets, s.sockets) || !slices.Equal(uids, s.uids) {
		s.settled = 0
	}
	if s.settled < 2 {
		s.found = s.attribute(sockets, uids)
	}
	s.sockets, s.uids = sockets, uids
	return s.found
}

// hostNetworkUIDs lists the pods with the node's network, but for those that
// stand for services of the node.
func hostNetworkUIDs(pods []kubeapi.Pod) (uids []string) {
	for _, p := range pods {
		if p.Spec.HostNetwork && !standIn(p) && !p.Ended() {
			uids = append(uids, p.KubeletUID())
		}
	}
	slices.Sort(uids)
	return uids
}

// A socket is one that others may reach, in one of the kernel's tables.
type socket struct {
	proto string
	local netip.AddrPort
	inode string
}

// listening lists the sockets of the node's network that take what comes from
// outside: on every address, or on one of the machine's.
// Source: proc(5), /proc/net/tcp; Linux' include/net/tcp_states.h.
func (s *podSockets) listening(machine []netip.Addr) (all []socket, err error) {
	pid, err := s.child()
	if err != nil {
		return nil, err
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		file, err := os.Open(filepath.Join(s.proc, strconv.Itoa(pid), "net", table))
		if os.IsNotExist(err) { // a kernel without IPv6
			continue
		}
		if err != nil {
			return nil, message.Errorf("reading the node's sockets: %w", err)
		}
		found, err := readSockets(file, strings.TrimSuffix(table, "6"))
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, message.Errorf("reading the node's sockets: %w", err)
		}
		all = append(all, found...)
	}
	all = slices.DeleteFunc(all, func(one socket) bool {
		address := one.local.Addr()
		return !address.IsUnspecified() && !slices.Contains(machine, address)
	})
	if len(all) > maxSockets {
		slog.Warn("too many sockets listen, the rest is not looked at", "sockets", len(all), "looked at", maxSockets)
		all = all[:maxSockets]
	}
	return all, nil
}

// readSockets reads one of the kernel's tables. Those of TCP begin with the
// sockets that listen, so the connections are not read.
func readSockets(table io.Reader, proto string) (all []socket, err error) {
	const listens, unconnected = "0A", "07"
	lines := bufio.NewScanner(table)
	lines.Scan() // the heading
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			continue
		}
		if proto == "tcp" && fields[3] != listens {
			return all, nil
		}
		if proto == "udp" && fields[3] != unconnected {
			continue
		}
		local, err := parseSocketAddress(fields[1])
		if err != nil {
			return nil, err
		}
		all = append(all, socket{proto, local, fields[9]})
	}
	return all, lines.Err()
}

// parseSocketAddress reads an address of the kernel's tables: words of four
// bytes in the machine's order, which is little-endian here, and the port.
func parseSocketAddress(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	number, errNumber := strconv.ParseUint(port, 16, 16)
	bytes, errBytes := hex.DecodeString(address)
	if err := errors.Join(errNumber, errBytes); err != nil || len(bytes)%4 != 0 {
		return netip.AddrPort{}, message.Errorf("reading the socket's address %q: %w", text, err)
	}
	for word := range slices.Chunk(bytes, 4) {
		slices.Reverse(word)
	}
	ip, ok := netip.AddrFromSlice(bytes)
	if !ok {
		return netip.AddrPort{}, message.Errorf("the socket's address %q has %d bytes", text, len(bytes))
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}

// attribute finds the pods of sockets. A UDP socket with a port that the kernel
// picked may be that of a client: it counts once it stays.
func (s *podSockets) attribute(sockets []socket, uids []string) (all []listener) {
	owners := s.socketOwners(uids)
	udp := map[string]bool{}
	for _, one := range sockets {
		uid, ok := owners[one.inode]
		if !ok {
			continue
		}
		if one.proto == "udp" && one.local.Port() >= firstShortLived {
			udp[one.inode] = true
			if !s.earlier[one.inode] {
				continue
			}
		}
		l := listener{Pod: uid, Proto: one.proto, Number: int(one.local.Port())}
		if !one.local.Addr().IsUnspecified() {
			l.Address = one.local.Addr()
		}
		all = append(all, l)
	}
	s.earlier = udp
	return mergeListeners(all)
}

// mergeListeners leaves one listener for each pod and port that is on every
// address, besides which others don't matter.
func mergeListeners(all []listener) []listener {
	slices.SortFunc(all, func(a, b listener) int {
		return strings.Compare(a.sortKey(), b.sortKey())
	})
	var merged []listener
	for _, l := range slices.Compact(all) {
		every := listener{Pod: l.Pod, Proto: l.Proto, Number: l.Number}
		if l == every || !slices.Contains(merged, every) {
			merged = append(merged, l)
		}
	}
	return merged
}

// socketOwners finds the sockets that the containers of pods have open, by
// inode: the processes below each container's conmon, and those in the mount
// namespace of one, where kubectl exec starts others.
func (s *podSockets) socketOwners(uids []string) map[string]string {
	parents, owners := s.processes(uids)
	child, err := s.child()
	if err != nil {
		return nil
	}
	own, mounts := s.mountNamespace(child), map[string]string{}
	for pid := range parents {
		uid := podOf(pid, parents, owners)
		if namespace := s.mountNamespace(pid); uid != "" && namespace != "" && namespace != own {
			mounts[namespace] = uid
		}
	}
	inodes, left := map[string]string{}, maxPodFiles
	for _, pid := range slices.Sorted(maps.Keys(parents)) {
		if uid := mounts[s.mountNamespace(pid)]; uid != "" && left > 0 {
			left -= s.addSockets(inodes, pid, uid, left)
		}
	}
	return inodes
}

// mountNamespace names a process' mount namespace, "" when it has ended or is
// another user's. Source: namespaces(7).
func (s *podSockets) mountNamespace(pid int) string {
	name, _ := os.Readlink(filepath.Join(s.proc, strconv.Itoa(pid), "ns/mnt"))
	return name
}

// addSockets notes the sockets that a process has open, and returns how many
// open files it has looked at.
func (s *podSockets) addSockets(inodes map[string]string, pid int, uid string, most int) int {
	folder := filepath.Join(s.proc, strconv.Itoa(pid), "fd")
	files, err := os.Open(folder)
	if err != nil { // it has ended
		return 0
	}
	names, _ := files.Readdirnames(most)
	files.Close() //nolint:errcheck // nothing was written
	for _, name := range names {
		if inode, ok := socketInode(filepath.Join(folder, name)); ok {
			inodes[inode] = uid
		}
	}
	return len(names)
}

func socketInode(path string) (inode string, ok bool) {
	target, err := os.Readlink(path)
	if err != nil || !strings.HasPrefix(target, "socket:[") {
		return "", false
	}
	return strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]"), true
}

// processes lists all processes with their parents, and the pods of those that
// are a container's conmon.
func (s *podSockets) processes(uids []string) (parents map[int]int, owners map[int]string) {
	parents, owners = map[int]int{}, map[int]string{}
	entries, err := os.ReadDir(s.proc)
	if err != nil {
		return parents, owners
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		data, err := host.ReadFile(filepath.Join(s.proc, entry.Name(), "stat"))
		if err != nil { // it has ended
			continue
		}
		name, parent := parseStat(string(data))
		parents[pid] = parent
		if name != "conmon" {
			continue
		}
		line, err := host.ReadFile(filepath.Join(s.proc, entry.Name(), "cmdline"))
		if uid := podOfLog(string(line)); err == nil && slices.Contains(uids, uid) {
			owners[pid] = uid
		}
	}
	return parents, owners
}

// parseStat reads a process' name and parent. The name may hold anything.
// Source: proc(5), /proc/pid/stat.
func parseStat(text string) (name string, parent int) {
	begin, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if begin < 0 || end < begin {
		return "", 0
	}
	if fields := strings.Fields(text[end+1:]); len(fields) > 1 {
		parent, _ = strconv.Atoi(fields[1])
	}
	return text[begin+1 : end], parent
}

// podOfLog reads a pod's uid from conmon's command line: the folder of its log
// is named NAMESPACE_NAME_UID. Source: conmon(8), "--log-path"; the kubelet's
// pkg/kubelet/kuberuntime/helpers.go.
func podOfLog(line string) string {
	args := strings.Split(line, "\x00")
	at := slices.Index(args, "-l")
	if at < 0 || at+1 >= len(args) {
		return ""
	}
	rest, found := strings.CutPrefix(args[at+1], "/var/log/pods/")
	folder, _, _ := strings.Cut(rest, "/")
	parts := strings.Split(folder, "_")
	if !found || len(parts) != 3 {
		return ""
	}
	return parts[2]
}

// podOf climbs from a process to the conmon above it.
func podOf(pid int, parents map[int]int, owners map[int]string) string {
	for range len(parents) {
		if uid, ok := owners[pid]; ok {
			return uid
		}
		parent, ok := parents[pid]
		if !ok || parent <= 1 {
			return ""
		}
		pid = parent
	}
	return ""
}
