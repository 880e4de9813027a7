package node

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/images"
)

// configure writes the test site's own settings into a node that runs: where
// images come from, and, where the machine has no cgroup controllers, what a
// cluster has to do without there.
func (n *Node) configure(ctx context.Context, g generation.Generation) error {
	have, err := n.Output(ctx, "cat /sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		return fmt.Errorf("looking at the cgroup controllers of node %s: %w\n%s", n.Name, err, have)
	}
	files := siteFiles(g, strings.Contains(have, "memory"))
	if !strings.Contains(have, "memory") {
		fmt.Fprintf(os.Stderr, "node %s: this machine has no cgroup controllers to give: no QoS cgroups, no limits, no kubeadm SystemVerification there\n", n.Name)
	}
	for _, f := range files {
		command := fmt.Sprintf("mkdir -p $(dirname %s) && cat > %s && chmod %o %s", f.path, f.path, f.mode, f.path)
		if err := n.Exec(ctx, command, strings.NewReader(f.text), nil, os.Stderr); err != nil {
			return fmt.Errorf("writing the site's settings: %w", err)
		}
	}
	return nil
}

type siteFile struct {
	path, text string
	mode       uint32
}

// siteFiles is data: the settings for a generation, with controllers or
// without.
func siteFiles(g generation.Generation, controllers bool) []siteFile {
	all := []siteFile{{
		"/etc/podsec-k8s/90-test-site.conf",
		"IMAGE_REPOSITORY=" + images.Repository + "\nIMAGE_ARCHIVES=/srv/images/pause.tar:/srv/images/coredns.tar\n", 0o644,
	}}
	if controllers {
		return append(all, siteFile{"/etc/podsec-k8s/kubeadm.yaml", kubeadmFragment(g.KubeadmAPI, "Swap, NumCPU, Mem", ""), 0o644})
	}
	kubelet := "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n" + g.Kubelet + "\n"
	return append(all,
		siteFile{"/etc/podsec-k8s/kubeadm.yaml", kubeadmFragment(g.KubeadmAPI, "SystemVerification, Swap, NumCPU, Mem", g.NodeArgs) + kubelet, 0o644},
		siteFile{"/etc/podsec-k8s/crio.conf.d/90-test-site.conf", crioWithoutCgroups, 0o644},
		siteFile{"/usr/local/libexec/crun-no-cgroups", "#!/bin/sh\nexec /usr/bin/crun --cgroup-manager=disabled \"$@\"\n", 0o755},
	)
}

func kubeadmFragment(api, ignore, args string) string {
	var all strings.Builder
	for _, kind := range []string{"InitConfiguration", "JoinConfiguration"} {
		fmt.Fprintf(&all, "---\napiVersion: %s\nkind: %s\nnodeRegistration:\n  imagePullPolicy: Never\n  ignorePreflightErrors: [%s]\n", api, kind, ignore)
		if args != "" {
			fmt.Fprintf(&all, "  kubeletExtraArgs: %s\n", args)
		}
	}
	return all.String()
}

const crioWithoutCgroups = `[crio.runtime.runtimes.crun]
runtime_path = "/usr/local/libexec/crun-no-cgroups"
runtime_root = "/run/crun"
monitor_path = "/usr/bin/conmon"
`
