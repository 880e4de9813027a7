package namespace

import (
	"errors"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// setSysctls sets what pods need of their node, in the network namespace.
// Of the bridge's there are none when the host has no br_netfilter.
func setSysctls() error {
	for _, path := range nodeSysctls() {
		err := host.SetKernelValue(path, "1")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func nodeSysctls() []string {
	return []string{
		"/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/net/ipv4/tcp_fwmark_accept", // a server's answers have the mark of its client, see clientMark
		"/proc/sys/net/bridge/bridge-nf-call-iptables",
		"/proc/sys/net/bridge/bridge-nf-call-ip6tables",
	}
}

// mendSysctls sets again what somebody has changed.
func mendSysctls() error {
	for _, path := range nodeSysctls() {
		value, err := host.ReadFile(path)
		if err != nil || strings.TrimSpace(string(value)) == "1" {
			continue
		}
		slog.Warn("mending a setting of the kernel", "path", path)
		if err := host.SetKernelValue(path, "1"); err != nil {
			return err
		}
	}
	return nil
}
