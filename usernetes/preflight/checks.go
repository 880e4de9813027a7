package preflight

import (
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Checks lists what is looked at before a node is made.
func Checks() []Check {
	return []Check{
		{"packages", checkPackages},
		{"kubernetes-version", CheckVersion},
		{"cgroup-v2", checkCgroup},
		{"tun", checkTun},
		{"newuidmap", checkNewuidmap},
		{"subordinate-ids", checkSubIDs},
		{"user-namespaces", checkUserNS},
		{"user-manager", checkUserManager},
		{"network-policy", checkPolicies},
		{"image-archive", CheckArchives},
		{"containers-policy", CheckPolicy},
		{"image-auth-file", checkAuthFile},
		{"images", checkImages},
		{"disk", checkDisk},
		{"network-mode", checkMode},
		{"node-name", checkNodeName},
		{"node-ip", checkNodeIP},
		{"networks", CheckNetworks},
		{"ports", checkPorts},
		{"proxy", checkProxy},
		{"files", checkFiles},
		{"control-plane", checkPatches},
	}
}

// PlaceChecks lists what is looked at before a node gets another address.
func PlaceChecks() []Check {
	return []Check{{"node-ip", checkNodeIP}, {"networks", CheckNetworks}, {"ports", checkPorts}}
}

func checkPackages(f Facts, _ node.Node) error {
	if len(f.Missing) == 0 {
		return nil
	}
	return host.NewFault("install the packages that podsec-k8s requires: apt-get install podsec-k8s",
		"programs are missing: %s", strings.Join(f.Missing, ", "))
}

// CheckVersion finds a kubeadm of a minor that podsec-k8s does not know.
func CheckVersion(_ Facts, n node.Node) error {
	if n.Kubernetes == "" {
		return host.NewFault("check that kubeadm runs: kubeadm version", "cannot determine the version of kubeadm")
	}
	if _, err := n.Minor(); err != nil {
		return host.NewFault("install the kubernetes packages that podsec-k8s requires: podsec-k8s deps list", "the version of kubeadm is %w", err)
	}
	return nil
}

func checkCgroup(f Facts, _ node.Node) error {
	if f.CgroupV2 {
		return nil
	}
	return host.NewFault("boot with the kernel argument systemd.unified_cgroup_hierarchy=1", "/sys/fs/cgroup is not cgroup v2")
}

func checkTun(f Facts, _ node.Node) error {
	if f.Tun == nil {
		return nil
	}
	return host.NewFault("load the module and allow everyone to use the device: modprobe tun; chmod 0666 /dev/net/tun",
		"the network device cannot be created: %w", f.Tun)
}

func checkNewuidmap(f Facts, _ node.Node) error {
	if f.Newuidmap == nil {
		return nil
	}
	return host.NewFault("allow everyone to run them: control newuidmap public; control newgidmap public",
		"%s cannot map its subordinate ids: %w", node.Admin, f.Newuidmap)
}

func checkSubIDs(f Facts, _ node.Node) error {
	want := max(units.SubIDCount, f.WantedIDs)
	if f.SubUIDs >= want && f.SubGIDs >= want {
		return nil
	}
	return host.NewFault("run podsec-k8s host apply, or add a range to /etc/subuid and /etc/subgid, see subuid(5)",
		"%s has %d subordinate uids and %d gids; a node needs %d of each", node.Admin, f.SubUIDs, f.SubGIDs, want)
}

func checkUserNS(f Facts, _ node.Node) error {
	if f.NoUserNS == "" {
		return nil
	}
	return host.NewFault("allow them: sysctl --system, see /lib/sysctl.d/90-podsec-k8s.conf",
		"the sysctl %s forbids user namespaces", f.NoUserNS)
}

func checkPolicies(f Facts, _ node.Node) error { return f.Policies }

func checkUserManager(f Facts, _ node.Node) error {
	if f.UserManager {
		return nil
	}
	return host.WithRemedy(message.Errorf("the systemd of %s is not running", node.Admin),
		"start it: loginctl enable-linger %s", node.Admin)
}

// diskRoom is what a node is given to begin with, in bytes: images, etcd's
// database and its log, and the first logs of pods.
const diskRoom = 1 << 30

// evictionShare is the share of its file system, in percent, that has to be
// free: with less the kubelet runs no pods, as long as its configuration sets
// no evictionHard.
// Source: the Kubernetes documentation, "Node-pressure Eviction", imagefs.available.
const evictionShare = 15

func checkDisk(f Facts, _ node.Node) error {
	remedy := message.Of("free disk space, or mount a larger file system there and run podsec-k8s host apply: df -h %s", node.Home)
	switch {
	case f.Free < diskRoom:
		return &host.Fault{Err: message.Errorf("not enough disk space in %s: %d MiB free, %d MiB required", node.Home, f.Free>>20, diskRoom>>20), Remedy: remedy}
	case f.Free/evictionShare < f.Size/100:
		return &host.Fault{Err: message.Errorf("not enough disk space in %s: %d of %d GiB free; below %d percent the kubelet runs no pods", node.Home, f.Free>>30, f.Size>>30, evictionShare), Remedy: remedy}
	default:
		return nil
	}
}

func checkMode(f Facts, n node.Node) error {
	why := f.Unfit[n.Mode().Name]
	if why == nil {
		return nil
	}
	return host.WithRemedy(message.Errorf("the network mode %s cannot be used here: %w", n.Mode().Name, why),
		"install it, or choose another mode: --network=%s", node.ModeNames()[0])
}

func checkPorts(f Facts, n node.Node) error {
	if len(f.TakenPorts) == 0 {
		return nil
	}
	return host.NewFault("stop the program that listens there: ss -lntup", "in use on %s: %s", n.IP, strings.Join(f.TakenPorts, ", "))
}

// JoinChecks lists what is looked at before a machine joins.
func JoinChecks() []Check {
	return append(Checks(), Check{"cluster", checkCluster}, Check{"clock", checkClock}, Check{"version-skew", checkSkew})
}
