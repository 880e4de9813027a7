package node

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
	"github.com/alt-cloud/podsec-k8s/tests/images"
)

// Settings of the test site. Of images: what a closed site has to settle. Of
// cgroups: what a machine without controllers has to do without. A node has no
// others.
const (
	siteConf    = "/etc/podsec-k8s/90-test-site.conf"
	siteKubeadm = "/etc/podsec-k8s/kubeadm.yaml"
	siteCRIO    = "/etc/podsec-k8s/crio.conf.d/90-test-site.conf"
)

// configure writes the test site's settings into a node that runs.
func (n *Node) configure(ctx context.Context, g generation.Generation) error {
	have, err := n.Output(ctx, "cat /sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		return fmt.Errorf("looking at the cgroup controllers of node %s: %w\n%s", n.Name, err, have)
	}
	files := []siteFile{imageSettings()}
	if !strings.Contains(have, "memory") {
		fmt.Fprintf(os.Stderr, "node %s: this machine has no cgroup controllers to give: no QoS cgroups, no limits, no kubeadm SystemVerification there\n", n.Name)
		files = append(files, withoutControllers(g)...)
	}
	for _, f := range files {
		command := fmt.Sprintf("mkdir -p $(dirname %s) && cat > %s && chmod %o %s", f.path, f.path, f.mode, f.path)
		if err := n.Exec(ctx, command, strings.NewReader(f.text), nil, os.Stderr); err != nil {
			return fmt.Errorf("writing the site's settings: %w", err)
		}
	}
	return nil
}

// WithoutImages takes the settings of images away again: the node's site has
// settled nothing but what the test machine lacks.
func (n *Node) WithoutImages(ctx context.Context) error {
	return n.Exec(ctx, "rm "+siteConf, nil, os.Stderr, os.Stderr)
}

type siteFile struct {
	path, text string
	mode       uint32
}

func imageSettings() siteFile {
	return siteFile{siteConf, "IMAGE_REPOSITORY=" + images.Repository + "\nIMAGE_ARCHIVES=/srv/images/pause.tar:/srv/images/coredns.tar\n", 0o644}
}

// withoutControllers is data: what each generation does without where the
// machine has no cgroup controllers.
func withoutControllers(g generation.Generation) []siteFile {
	var kubeadm strings.Builder
	for _, kind := range []string{"InitConfiguration", "JoinConfiguration"} {
		fmt.Fprintf(&kubeadm, "---\napiVersion: %s\nkind: %s\nnodeRegistration:\n  ignorePreflightErrors: [SystemVerification]\n  kubeletExtraArgs: %s\n",
			g.KubeadmAPI, kind, g.NodeArgs)
	}
	kubeadm.WriteString("---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n" + g.Kubelet + "\n")
	return []siteFile{
		{siteKubeadm, kubeadm.String(), 0o644},
		{siteCRIO, crioWithoutCgroups, 0o644},
		{"/usr/local/libexec/crun-no-cgroups", "#!/bin/sh\nexec /usr/bin/crun --cgroup-manager=disabled \"$@\"\n", 0o755},
	}
}

const crioWithoutCgroups = `[crio.runtime.runtimes.crun]
runtime_path = "/usr/local/libexec/crun-no-cgroups"
runtime_root = "/run/crun"
monitor_path = "/usr/bin/conmon"
`
