package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

func joinCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:      "join",
		Usage:     "makes this machine a worker of a cluster with kubeadm join",
		ArgsUsage: "ENDPOINT [FLAGS OF kubeadm join]",
		Description: "Flags that are not listed here go to kubeadm join.\n" +
			"Run again after a fault it goes on; after success it changes nothing.\n\n" +
			"Example: podsec-k8s join 192.0.2.10:6443 --token-file token --discovery-token-ca-cert-hash sha256:…",
		Flags:           joinFlags(),
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			ours, kubeadms, err := splitFlags(joinFlags(), c.Args().Slice())
			if err != nil {
				return wrongUsage("podsec-k8s join", err)
			}
			return parsed(c, joinFlags(), ours, func(c *cli.Context) error { return join(c, p, kubeadms) })
		},
	}
}

func joinFlags() []cli.Flag {
	return append(nodeFlags(),
		&cli.StringFlag{Name: "token-file", Usage: "a `FILE` with the bootstrap token; - for standard input"},
		&cli.StringFlag{Name: "token", Usage: "the bootstrap `TOKEN`; every user of the machine can see it while the command runs: --token-file is better"},
		&cli.StringSliceFlag{Name: "discovery-token-ca-cert-hash", Usage: "the `HASH` that the cluster's certificate authority must have"},
	)
}

// join is root's half of it.
func join(c *cli.Context, p *printer, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return wrongUsage("podsec-k8s join", errors.New("the cluster's ENDPOINT, ADDRESS:PORT, comes first"))
	}
	request, files, err := newRequest(c, args[1:])
	if err != nil {
		return err
	}
	defer closeAll(files)
	token, err := readToken(c)
	if err != nil {
		return err
	}
	request.Join = &usernetes.JoinRequest{Endpoint: args[0], Token: token, CAHashes: c.StringSlice("discovery-token-ca-cert-hash")}
	done, err := requestNode(c.Context, p, request, files)
	if err != nil || !done {
		return err
	}
	p.say("This machine is a worker now. See on a master: podsec-k8s kubectl get nodes")
	return nil
}

// readToken takes the token from a file, or from the command line as kubeadm
// prints it.
func readToken(c *cli.Context) (string, error) {
	name := c.String("token-file")
	if name == "" {
		return c.String("token"), nil
	}
	if name == "-" {
		name = "/dev/stdin"
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", &host.Fault{Err: fmt.Errorf("reading the token: %w", err), Remedy: "give a file with the token: --token-file FILE"}
	}
	return strings.TrimSpace(string(data)), nil
}
