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
		Usage:     "makes this machine a worker of a cluster, or one more control plane, with kubeadm join",
		ArgsUsage: "ENDPOINT [FLAGS OF kubeadm join]",
		Description: "Flags that are not listed here go to kubeadm join.\n" +
			"Run again after a fault it goes on; after success it changes nothing.\n\n" +
			"Examples:\n" +
			"  podsec-k8s join 192.0.2.10:6443 --token-file token --discovery-token-ca-cert-hash sha256:…\n" +
			"  podsec-k8s join api.example:6443 --control-plane --certificate-key-file key --token-file token --discovery-token-ca-cert-hash sha256:…",
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
		&cli.BoolFlag{Name: "control-plane", Usage: "become one more control plane, not a worker"},
		&cli.StringFlag{Name: "certificate-key-file", Usage: "a `FILE` with the key of the certificates that control planes share; - for standard input"},
		&cli.StringFlag{Name: "certificate-key", Usage: "that `KEY` itself; every user of the machine can see it while the command runs: --certificate-key-file is better"},
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
	token, err := readSecret(c, "token")
	if err != nil {
		return err
	}
	key, err := readSecret(c, "certificate-key")
	if err != nil {
		return err
	}
	request.Join = &usernetes.JoinRequest{
		Endpoint: args[0], Token: token, CAHashes: c.StringSlice("discovery-token-ca-cert-hash"),
		ControlPlane: c.Bool("control-plane"), CertificateKey: key,
	}
	done, err := requestNode(c.Context, p, request, files)
	if err != nil || !done {
		return err
	}
	if request.Join.ControlPlane {
		return finishMaster(c, p)
	}
	p.say("This machine is a worker now. See on a master: podsec-k8s kubectl get nodes")
	var o usernetes.Overview
	if err := askAdmin(c.Context, nil, &o, "node", "overview"); err != nil {
		return err
	}
	printFaults(p, o)
	return nil
}

// readSecret takes a secret from the file that a flag --NAME-file names, or
// from the command line as kubeadm prints it: the flag --NAME.
func readSecret(c *cli.Context, name string) (string, error) {
	path := c.String(name + "-file")
	if path == "" {
		return c.String(name), nil
	}
	if path == "-" {
		path = "/dev/stdin"
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", &host.Fault{Err: fmt.Errorf("reading --%s-file: %w", name, err), Remedy: "give a file that exists: --" + name + "-file FILE"}
	}
	return strings.TrimSpace(string(data)), nil
}
