package veth

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// A setting is one of the kernel's for a device, a file below /proc/sys/net.
type setting struct{ path, value string }

// endSettings are those of the machine's end. It has no IPv6, so that nobody in
// the namespaces can advertise a router to the machine. It takes a packet, or a
// question of ARP, only from where the machine would send the answer by the same
// device. It follows nobody's redirection.
// Source: the kernel's Documentation/networking/ip-sysctl.rst, accept_ra,
// addr_gen_mode, disable_ipv6, rp_filter, accept_redirects.
func endSettings() []setting {
	return []setting{
		{"ipv6/conf/" + HostEnd + "/accept_ra", "0"},
		{"ipv6/conf/" + HostEnd + "/addr_gen_mode", "1"}, // no address of its own
		{"ipv6/conf/" + HostEnd + "/disable_ipv6", "1"},
		{"ipv4/conf/" + HostEnd + "/rp_filter", "1"},
		{"ipv4/conf/" + HostEnd + "/accept_redirects", "0"},
	}
}

func (s setting) file() string { return "/proc/sys/net/" + s.path }

// differs reports whether the kernel has the setting with another value. A
// kernel without IPv6 has no settings for it.
func (s setting) differs() bool {
	value, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err != nil || strings.TrimSpace(string(value)) != s.value
}

// isClosed: the machine's end has its settings.
func isClosed(Link) error {
	for _, s := range endSettings() {
		if s.differs() {
			return message.Errorf("net/%s is not %s", s.path, s.value)
		}
	}
	return nil
}

// closeEnd gives the machine's end its settings, in their order.
func closeEnd() error {
	for _, s := range endSettings() {
		if !s.differs() {
			continue
		}
		if err := host.SetKernelValue(s.file(), s.value); err != nil {
			return message.Errorf("closing %s: %w", HostEnd, err)
		}
	}
	return nil
}

// hasIPv6 reports whether the kernel speaks IPv6.
func hasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}
