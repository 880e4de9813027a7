package node

import (
	"context"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// installedKubelet is where its package has it.
const installedKubelet = "/usr/bin/kubelet"

// Installed reports whether the installed programs are of a version of Kubernetes, by
// what the kubelet says of itself.
func Installed(version string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := host.Command{Name: "kubelet", Path: installedKubelet, Args: []string{"--version"}}.Output(ctx)
	return err == nil && strings.TrimSpace(string(out)) == "Kubernetes "+version
}
