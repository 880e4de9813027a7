package units

import (
	_ "embed" // the units that the host plan writes
	"strconv"
	"strings"
)

// Guard is the system unit that kubeadm asks for and administrators know.
const Guard = "kubelet.service"

// Files of the guard. Its unit lies where it wins over the kubelet package's,
// and /etc/systemd/system stays free for whoever masks it.
// Source: systemd.unit(5), "Unit File Load Path".
const (
	GuardFile       = "/usr/local/lib/systemd/system/" + Guard
	GuardDropInFile = "/etc/systemd/system/" + Guard + ".d/zz-podsec-k8s.conf"
	SiteUnitFile    = "/etc/systemd/system/" + Guard // an administrator's own, or the link that masks it
	GuardLink       = "/etc/systemd/system/multi-user.target.wants/" + Guard
)

// GuardProgram is what the guard's main process is started as.
func GuardProgram() []string { return []string{Program, "kubelet-guard"} }

// Units of the network mode veth.
const (
	NetSocket     = "podsec-k8s-net.socket"
	NetService    = "podsec-k8s-net.service"
	NetSocketFile = "/lib/systemd/system/" + NetSocket
	NetSocketLink = "/etc/systemd/system/sockets.target.wants/" + NetSocket
)

var (
	//go:embed system/kubelet.service
	guard string
	//go:embed system/zz-podsec-k8s.conf
	guardDropIn string
	//go:embed sysctl.d/90-podsec-k8s.conf
	sysctls string
	//go:embed modules-load.d/podsec-k8s.conf
	modules string
	//go:embed modules-load.d/podsec-k8s-network-policy.conf
	policyModules string
)

// GuardUnit returns the text of the guard's unit.
func GuardUnit() string { return guard }

// GuardDropIn returns the text of the guard's drop-in for a user with that id.
func GuardDropIn(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	return strings.NewReplacer("user@UID.service", "user@"+id+".service", "/run/user/UID", "/run/user/"+id).Replace(guardDropIn)
}

// Settings reads the settings of a unit's section [Service] as systemd does: an
// empty assignment takes back those before it, and those that are empty are
// left out. Command lines lose their prefixes.
// Source: systemd.syntax(7); systemd.service(5), "Command lines".
func Settings(text string) map[string][]string {
	all := map[string][]string{}
	section := ""
	for _, a := range Assignments(text) {
		switch {
		case strings.HasPrefix(a.Key, "["):
			section = a.Key
		case section != "[Service]":
		case a.Value == "":
			delete(all, a.Key)
		case strings.HasPrefix(a.Key, "Exec"):
			all[a.Key] = append(all[a.Key], strings.TrimLeft(a.Value, "-+@:!"))
		default:
			all[a.Key] = append(all[a.Key], a.Value)
		}
	}
	return all
}

// A Sysctl is a kernel setting of sysctl.d.
type Sysctl struct {
	Key      string // with dots
	Value    string
	Optional bool // not every kernel has it
}

// Sysctls lists the settings that the package brings. Source: sysctl.d(5).
func Sysctls() []Sysctl {
	var all []Sysctl
	for _, a := range Assignments(sysctls) {
		name := strings.TrimPrefix(a.Key, "-")
		all = append(all, Sysctl{Key: name, Value: a.Value, Optional: name != a.Key})
	}
	return all
}

// Modules lists the kernel modules that the package brings.
// Source: modules-load.d(5).
func Modules() []string { return modulesIn(modules) }

// PolicyModules lists those that the package of NetworkPolicies brings.
func PolicyModules() []string { return modulesIn(policyModules) }

func modulesIn(text string) (all []string) {
	for _, a := range Assignments(text) {
		all = append(all, a.Key)
	}
	return all
}
