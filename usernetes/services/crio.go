package services

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// runCRIO becomes CRI-O in the node. The site may have given other logins since the
// node was made.
func runCRIO(ctx context.Context, n node.Node) (err error) {
	if n.ImageAuthFile, err = node.LoadImageAuth(node.SiteDir); err != nil {
		return err
	}
	p, err := crio(n)
	if err != nil {
		return err
	}
	return p.ExecUnit(ctx)
}

// crio gives CRI-O the site's logins by the name of their file, for the pause
// image as for all others. Source: crio(8).
func crio(n node.Node) (namespace.Program, error) {
	pause, err := n.PauseImage()
	args := []string{
		"--config=" + node.ShareDir + "/crio.conf", "--config-dir=" + node.SiteDir + "/crio.conf.d",
		"--pause-image=" + pause,
	}
	if n.ImageAuthFile != "" {
		args = append(args, "--global-auth-file="+n.ImageAuthFile, "--pause-image-auth-file="+n.ImageAuthFile)
	}
	return namespace.Program{Name: "crio", Args: args}, err
}
