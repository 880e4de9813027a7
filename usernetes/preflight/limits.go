package preflight

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A full node has 110 pods, the kubelet's default, of four containers each,
// their sandboxes included.
const (
	fullPods       = 110
	fullContainers = 4 * fullPods
)

// fullTasks is how many processes and threads a full node has: twenty for each
// container, and the node's own.
const fullTasks = 20*fullContainers + 1200

// A setter is who sets a limit.
type setter int

const (
	setBySysctl  setter = iota // the package's file of sysctl.d
	setByManager               // its drop-in of user@UID.service
	setBySlice                 // its drop-in of user-UID.slice
	setByNobody                // the kernel's own value is enough, and is only checked
)

// A limit is one of the kernel's that counts per user: all of a node is one
// user, whose containers share it. Root has none of these, or far more.
type limit struct {
	name   string // of the sysctl, or of the resource as in /proc/PID/limits
	need   uint64 // of a full node
	setter setter
	no     bool // 0 means no limit
}

// unlimited is the value of no limit.
const unlimited = math.MaxUint64

// Names of resources. Source: proc(5), /proc/pid/limits; pids.max is of the
// user's slice, see the kernel's documentation of cgroup v2.
const (
	maxProcesses = "Max processes"
	maxOpenFiles = "Max open files"
	maxLocked    = "Max locked memory"
	maxSignals   = "Max pending signals"
	maxQueues    = "Max msgqueue size"
	sliceTasks   = "pids.max"
)

// limits lists them. What is not in it does not count per user: SysV and POSIX
// shared memory, mounts and fs.mqueue are of a namespace, which is the node's
// own. Sources: keyrings(7), inotify(7), epoll(7), fanotify(7), pipe(7),
// namespaces(7), getrlimit(2), the kernel's Documentation/admin-guide/sysctl.
func limits() []limit {
	return []limit{
		{name: "kernel.keys.maxkeys", need: 5000},           // each container has a session keyring
		{name: "kernel.keys.maxbytes", need: 500000},        // it is named by the container's id
		{name: "fs.inotify.max_user_instances", need: 8192}, // the kubelet's, and of programs in pods
		{name: "fs.inotify.max_user_watches", need: 524288},
		{name: "fs.pipe-user-pages-soft", need: 131072},        // 16 pages of each pipe, many pipes of each container
		{name: "net.netfilter.nf_conntrack_max", need: 131072}, // what a kube-proxy of root's sets at least
		{name: "user.max_user_namespaces", need: 1024},         // the node's own, and of pods that make some

		{name: maxProcesses, need: fullTasks, setter: setByManager},
		{name: maxSignals, need: fullTasks, setter: setByManager}, // timers count as well
		{name: maxOpenFiles, need: 1048576, setter: setByManager}, // what containers of root's may open
		{name: maxLocked, need: 1 << 30, setter: setByManager},    // rings of io_uring and maps of bpf count by user
		{name: maxQueues, need: 64 << 20, setter: setByManager},   // some 80 KiB for each queue
		{name: sliceTasks, need: fullTasks, setter: setBySlice},

		{name: "kernel.pid_max", need: 32768, setter: setByNobody},
		{name: "kernel.threads-max", need: fullTasks, setter: setByNobody},
		{name: "fs.nr_open", need: 1048576, setter: setByNobody},               // bounds how many files may be open
		{name: "fs.file-max", need: 200000, setter: setByNobody},               // root is spared by it
		{name: "fs.epoll.max_user_watches", need: 200000, setter: setByNobody}, // sockets of programs in pods
		{name: "fs.pipe-user-pages-hard", need: 131072, setter: setByNobody, no: true},
		{name: "user.max_fanotify_groups", need: fullPods, setter: setByNobody},
		{name: "user.max_fanotify_marks", need: 8192, setter: setByNobody},
		// Of each pod, and twice while pods are replaced.
		{name: "user.max_net_namespaces", need: 1024, setter: setByNobody},
		{name: "user.max_ipc_namespaces", need: 1024, setter: setByNobody},
		{name: "user.max_uts_namespaces", need: 1024, setter: setByNobody},
		// Of each container.
		{name: "user.max_pid_namespaces", need: 2048, setter: setByNobody},
		{name: "user.max_mnt_namespaces", need: 2048, setter: setByNobody},
		{name: "user.max_cgroup_namespaces", need: 2048, setter: setByNobody},
	}
}

// LimitFacts is what the kernel allows the node's user, and what it has of it.
type LimitFacts struct {
	UID    uint32
	Values map[string]uint64 // by the name of the limit; without those that this kernel lacks
	Uses   []use
}

// A use is how much of a limit is taken.
type use struct {
	name     string // for people
	used, of uint64
}

// low lists the limits that are too small for a full node, by who sets them.
func (f LimitFacts) low() map[setter][]message.Text {
	low := map[setter][]message.Text{}
	for _, l := range limits() {
		value, known := f.Values[l.name]
		if !known || value >= l.need || l.no && value == 0 {
			continue
		}
		low[l.setter] = append(low[l.setter], message.Of("%s %d of %d", l.name, value, l.need))
	}
	return low
}

// Warnings tells of limits that are smaller than a full node needs.
func (f LimitFacts) Warnings() (all []*host.Fault) {
	low := f.low()
	for _, group := range []struct {
		setters []setter
		remedy  message.Text
	}{
		{[]setter{setBySysctl}, message.Of("set them: sysctl --system, see /lib/sysctl.d/90-podsec-k8s.conf; a file that is read later may override them")},
		{[]setter{setByManager, setBySlice}, message.Of("podsec-k8s host apply; then systemctl restart user@%d.service, which restarts the node", f.UID)},
		{[]setter{setByNobody}, message.Of("raise them in a file in /etc/sysctl.d, see sysctl.d(5)")},
	} {
		var names []message.Text
		for _, s := range group.setters {
			names = append(names, low[s]...)
		}
		if len(names) > 0 {
			all = append(all, &host.Fault{Err: message.Errorf("a node with many pods needs higher kernel limits, see podsec-k8s(8): %s", message.List(", ", names...)), Remedy: group.remedy})
		}
	}
	return all
}

// nearEnd is the share of a limit, in percent, from which on its end is near.
const nearEnd = 90

// Exhausted tells of limits that are nearly used up now.
func (f LimitFacts) Exhausted() (all []*host.Fault) {
	for _, u := range f.Uses {
		if u.of == 0 || u.of == unlimited || u.used < u.of/100*nearEnd+u.of%100*nearEnd/100 {
			continue
		}
		all = append(all, host.NewFault("raise the limit, or run fewer pods here; podsec-k8s(8) has a table of limits",
			"the limit %s is nearly reached: %s uses %d of %d", u.name, node.Admin, u.used, u.of))
	}
	return all
}

// ReadLimits reads what holds for a user. root is "/", or stands for it in a
// test. What can't be read is left out.
func ReadLimits(root string, uid uint32) LimitFacts {
	f := LimitFacts{UID: uid, Values: map[string]uint64{}}
	slice := filepath.Join(root, fmt.Sprintf("sys/fs/cgroup/user.slice/user-%d.slice", uid))
	resources := managerLimits(root, filepath.Join(slice, fmt.Sprintf("user@%d.service/init.scope/cgroup.procs", uid)))
	for _, l := range limits() {
		value, ok := resources[l.name]
		switch l.name {
		case sliceTasks:
			value, ok = readNumber(filepath.Join(slice, sliceTasks))
		case maxProcesses, maxOpenFiles, maxLocked, maxSignals, maxQueues:
		default:
			value, ok = readNumber(filepath.Join(root, "proc/sys", strings.ReplaceAll(l.name, ".", "/")))
		}
		if ok {
			f.Values[l.name] = value
		}
	}
	f.Uses = append(keyUse(root, uid), runtimeUse(filepath.Join(root, node.RuntimeDir(uid)))...)
	if tasks, ok := readNumber(filepath.Join(slice, "pids.current")); ok {
		f.Uses = append(f.Uses, use{name: fmt.Sprintf("TasksMax (user-%d.slice)", uid), used: tasks, of: f.Values[sliceTasks]})
	}
	return f
}

// readNumber reads a file with one number, or with the word for none.
func readNumber(path string) (uint64, bool) {
	data, err := host.ReadFile(path)
	if err != nil {
		return 0, false
	}
	return parseLimit(strings.TrimSpace(string(data)))
}

func parseLimit(text string) (uint64, bool) {
	if text == "max" || text == "unlimited" {
		return unlimited, true
	}
	value, err := strconv.ParseUint(text, 10, 64)
	return value, err == nil
}

// managerLimits reads the hard limits of the user's systemd, the first process
// of its cgroup: no unit of the user gets more.
func managerLimits(root, procs string) map[string]uint64 {
	data, err := host.ReadFile(procs)
	if err != nil {
		return nil
	}
	pids := slices.DeleteFunc(strings.Fields(string(data)), func(pid string) bool { return pid == "0" }) // of another machine's container
	if len(pids) == 0 {
		return nil
	}
	data, err = host.ReadFile(filepath.Join(root, "proc", pids[0], "limits"))
	if err != nil {
		return nil
	}
	all := map[string]uint64{}
	for line := range strings.Lines(string(data)) {
		if len(line) < 26 {
			continue
		}
		fields := strings.Fields(line[26:]) // behind the name: soft, hard, units
		if len(fields) < 2 {
			continue
		}
		if value, ok := parseLimit(fields[1]); ok {
			all[strings.TrimSpace(line[:26])] = value
		}
	}
	return all
}

// keyUse reads how many keys a user has, and their bytes.
// Source: keyrings(7), /proc/key-users.
func keyUse(root string, uid uint32) []use {
	data, err := host.ReadFile(filepath.Join(root, "proc/key-users"))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 5 || fields[0] != strconv.FormatUint(uint64(uid), 10)+":" {
			continue
		}
		return []use{parseUse("kernel.keys.maxkeys", fields[3]), parseUse("kernel.keys.maxbytes", fields[4])}
	}
	return nil
}

// parseUse reads USED/LIMIT.
func parseUse(name, text string) use {
	used, of, _ := strings.Cut(text, "/")
	u := use{name: name}
	u.used, _ = parseLimit(used)
	u.of, _ = parseLimit(of)
	return u
}

// runtimeUse looks at the file system of a user's runtime folder, whose size
// logind sets. Source: logind.conf(5), RuntimeDirectorySize=; statfs(2).
func runtimeUse(path string) []use {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return nil
	}
	return []use{
		{name: "RuntimeDirectorySize (logind.conf)", used: s.Blocks - s.Bfree, of: s.Blocks},
		{name: "RuntimeDirectoryInodesMax (logind.conf)", used: s.Files - s.Ffree, of: cmp.Or(s.Files, unlimited)},
	}
}
