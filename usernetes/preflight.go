package usernetes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// subIDs is how many subordinate ids a node needs.
// Source: the Kubernetes documentation on rootless nodes.
const subIDs = 65536

// A Check is one thing that must hold before anything is started. None of
// them repeats what kubeadm checks.
type Check struct {
	Name string // stable, for --ignore-preflight
	Run  func(Facts, Node) error
}

// Checks lists what is looked at before a node is made.
func Checks() []Check {
	return []Check{
		{"packages", checkPackages},
		{"kubernetes-version", checkVersion},
		{"cgroup-v2", checkCgroup},
		{"tun", checkTun},
		{"newuidmap", checkNewuidmap},
		{"subordinate-ids", checkSubIDs},
		{"user-namespaces", checkUserNS},
		{"user-manager", checkUserManager},
		{"image-archive", checkArchives},
		{"containers-policy", checkPolicy},
		{"image-auth-file", checkAuthFile},
		{"images", checkImages},
		{"disk", checkDisk},
		{"network-mode", checkMode},
		{"node-name", checkNodeName},
		{"node-ip", checkNodeIP},
		{"networks", checkNetworks},
		{"ports", checkPorts},
		{"proxy", checkProxy},
		{"files", checkFiles},
		{"control-plane", checkPatches},
	}
}

// A Finding is what a check found; a nil Fault is a check passed.
type Finding struct {
	Check   string
	Fault   *host.Fault
	Warning bool // it is said, and keeps nothing from being done
}

// Preflight runs every check that is not to be ignored.
func Preflight(checks []Check, f Facts, n Node, ignore []string) []Finding {
	var findings []Finding
	for _, check := range checks {
		if Ignored(check.Name, ignore) {
			continue
		}
		faults := separate(check.Run(f, n))
		if len(faults) == 0 {
			faults = []*host.Fault{nil}
		}
		for _, one := range faults {
			findings = append(findings, Finding{Check: check.Name, Fault: one})
		}
	}
	return findings
}

// Ignored reports whether a check is among those to pass over.
func Ignored(check string, ignore []string) bool {
	return slices.Contains(ignore, check) || slices.Contains(ignore, "all")
}

// separate returns the faults of a check that may have found several; a wrapped
// join is one fault.
func separate(err error) []*host.Fault {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []*host.Fault{asFault(err)}
	}
	var all []*host.Fault
	for _, one := range joined.Unwrap() {
		all = append(all, asFault(one))
	}
	return all
}

func checkPackages(f Facts, _ Node) error {
	if len(f.Missing) == 0 {
		return nil
	}
	return fault("install the packages that podsec-k8s requires: apt-get install podsec-k8s",
		"programs are missing: %s", strings.Join(f.Missing, ", "))
}

func checkVersion(_ Facts, n Node) error {
	if n.Kubernetes == "" {
		return fault("see that kubeadm runs: kubeadm version", "the version of kubeadm can't be found out")
	}
	if _, err := n.Minor(); err != nil {
		return fault("install the kubernetes packages that podsec-k8s requires: podsec-k8s deps list", "kubeadm is of %w", err)
	}
	return nil
}

func checkCgroup(f Facts, _ Node) error {
	if f.CgroupV2 {
		return nil
	}
	return fault("boot with the kernel argument systemd.unified_cgroup_hierarchy=1", "/sys/fs/cgroup is not cgroup v2")
}

func checkTun(f Facts, _ Node) error {
	if f.Tun == nil {
		return nil
	}
	return fault("load the module and open the device for everyone: modprobe tun; chmod 0666 /dev/net/tun",
		"the network device can't be made: %w", f.Tun)
}

func checkNewuidmap(f Facts, _ Node) error {
	if f.Newuidmap == nil {
		return nil
	}
	return fault("let everyone run them: control newuidmap public; control newgidmap public",
		"%s can't map its subordinate ids: %w", Admin, f.Newuidmap)
}

func checkSubIDs(f Facts, _ Node) error {
	want := max(subIDs, f.WantedIDs)
	if f.SubUIDs >= want && f.SubGIDs >= want {
		return nil
	}
	return fault("run podsec-k8s host apply, or add a range to /etc/subuid and /etc/subgid, see subuid(5)",
		"%s has %d subordinate uids and %d gids, and a node needs %d of each", Admin, f.SubUIDs, f.SubGIDs, want)
}

func checkUserNS(f Facts, _ Node) error {
	if f.NoUserNS == "" {
		return nil
	}
	return fault("allow them: sysctl --system, see /lib/sysctl.d/90-podsec-k8s.conf",
		"user namespaces are forbidden by the sysctl %s", f.NoUserNS)
}

func checkUserManager(f Facts, _ Node) error {
	if f.UserManager {
		return nil
	}
	return fault("start it: loginctl enable-linger "+Admin, "the systemd manager of %s does not run", Admin)
}

// diskRoom is what a node is given to begin with, in bytes: images, etcd's
// database and its log, and the first logs of pods.
const diskRoom = 1 << 30

// evictionShare is the share of its file system, in percent, that has to be
// free: with less the kubelet runs no pods, as long as its configuration sets
// no evictionHard.
// Source: the Kubernetes documentation, "Node-pressure Eviction", imagefs.available.
const evictionShare = 15

func checkDisk(f Facts, _ Node) error {
	remedy := "make room, or mount a larger file system there and run podsec-k8s host apply: df -h " + Home
	switch {
	case f.Free < diskRoom:
		return fault(remedy, "%s has room for %d MiB, and a node needs %d to begin with", Home, f.Free>>20, diskRoom>>20)
	case f.Free/evictionShare < f.Size/100:
		return fault(remedy, "%s has room for %d of %d GiB, and with less than %d percent the kubelet runs no pods", Home, f.Free>>30, f.Size>>30, evictionShare)
	default:
		return nil
	}
}

func checkMode(f Facts, n Node) error {
	why := f.Unfit[n.mode()]
	if why == nil {
		return nil
	}
	return fault("install it, or choose another mode: --network="+slirpMode, "the network mode %s can't be used here: %w", n.mode(), why)
}

// A network is a range of addresses and what it is for.
type network struct {
	name   string
	prefix netip.Prefix
}

// checkNetworks finds the first overlap of two networks of the cluster, or
// of one with a network of the host.
func checkNetworks(f Facts, n Node) error {
	ours := []network{
		{"the pod network", n.PodCIDR}, {"the service network", n.ServiceCIDR}, {"RootlessKit's network", n.SlirpCIDR},
	}
	if err := ipv4Networks(ours); err != nil {
		return err
	}
	all := slices.Clone(ours)
	for _, p := range append(slices.Clone(f.Routes), f.Addresses...) {
		all = append(all, network{"the host's network", p.Masked()})
	}
	for i, a := range ours {
		for _, b := range all[i+1:] {
			if a.prefix.Overlaps(b.prefix) {
				return fault("choose others: --pod-network-cidr, --service-cidr, SLIRP_CIDR in /etc/podsec-k8s/node.conf",
					"%s %s overlaps %s %s", a.name, a.prefix, b.name, b.prefix)
			}
		}
	}
	return nil
}

func checkPorts(f Facts, n Node) error {
	if len(f.TakenPorts) == 0 {
		return nil
	}
	return fault("stop what listens there: ss -lntup", "taken on %s: %s", n.IP, strings.Join(f.TakenPorts, ", "))
}

// placed adds to a fault what it is about.
func placed(where string, err error) *host.Fault {
	known := asFault(err)
	return fault(known.Remedy, "%s: %w", where, known.Err)
}

// fault makes a fault of a remedy and a message.
func fault(remedy, format string, args ...any) *host.Fault {
	return &host.Fault{Err: fmt.Errorf(format, args...), Remedy: remedy}
}
