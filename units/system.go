package units

import (
	_ "embed" // the units that the host plan writes
	"strconv"
	"strings"
)

// Guard is the system unit that kubeadm asks for and administrators know.
const Guard = "kubelet.service"

var (
	//go:embed system/kubelet.service
	guard string
	//go:embed system/zz-podsec-k8s.conf
	guardDropIn string
	//go:embed sysctl.d/90-podsec-k8s.conf
	sysctls string
	//go:embed modules-load.d/podsec-k8s.conf
	modules string
)

// GuardUnit gives the text of the guard's unit.
func GuardUnit() string { return guard }

// GuardDropIn gives the text of the guard's drop-in for a user with that id.
func GuardDropIn(uid uint32) string {
	return strings.ReplaceAll(guardDropIn, "UID", strconv.FormatUint(uint64(uid), 10))
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
	for line := range entries(sysctls) {
		key, value, _ := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		name := strings.TrimPrefix(key, "-")
		all = append(all, Sysctl{Key: name, Value: strings.TrimSpace(value), Optional: name != key})
	}
	return all
}

// Modules lists the kernel modules that the package brings.
// Source: modules-load.d(5).
func Modules() []string {
	var all []string
	for line := range entries(modules) {
		all = append(all, line)
	}
	return all
}

// entries gives the lines of a file that are no comments.
func entries(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}
}
