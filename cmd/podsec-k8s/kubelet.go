package main

import (
	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// kubeletGuardCommand is what the system's kubelet.service runs.
func kubeletGuardCommand() *cli.Command {
	return &cli.Command{
		Name: "kubelet-guard", Usage: "what the system's kubelet.service runs, as u7s-admin", Hidden: true,
		Action: func(c *cli.Context) error { return usernetes.Guard(c.Context) },
	}
}
