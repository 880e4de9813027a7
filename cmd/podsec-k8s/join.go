package main

import (
	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

func joinCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:      "join",
		Usage:     p.help("joins a cluster as a worker or a control plane"),
		ArgsUsage: "ENDPOINT",
		Description: p.help("Flags that are not listed here go to kubeadm join. After a fault, the same command continues; after "+
			"success, it changes nothing.\n\n"+
			"If FILE is -, the secret is a line of standard input, the token first.") +
			p.examples("podsec-k8s join 192.0.2.10:6443 --token-file token \\\n--discovery-token-ca-cert-hash sha256:…",
				"podsec-k8s join api.example:6443 --token-file token \\\n--discovery-token-ca-cert-hash sha256:… \\\n--control-plane --certificate-key-file key"),
		Flags:           joinFlags(p),
		SkipFlagParsing: true,
		Action:          passing(func(c *cli.Context, flags, given []string) error { return join(c, p, given[0], flags) }, "join"),
	}
}

func joinFlags(p *printer) []cli.Flag {
	return append(nodeFlags(p),
		&cli.StringFlag{Name: "token-file", Usage: p.help("`FILE` with the bootstrap token; - for standard input")},
		&cli.StringFlag{Name: "token", Usage: p.help("the bootstrap `TOKEN`; every user of the machine can see it while the command runs: --token-file is safer")},
		&cli.BoolFlag{Name: "control-plane", Usage: p.help("join as a control plane, not as a worker")},
		&cli.StringFlag{Name: "certificate-key-file", Usage: p.help("`FILE` with the key of the certificates that control planes share; - for standard input")},
		&cli.StringFlag{Name: "certificate-key", Usage: p.help("the `KEY` itself; every user of the machine can see it while the command runs: --certificate-key-file is safer")},
		&cli.StringSliceFlag{Name: "discovery-token-ca-cert-hash", Usage: p.help("the `HASH` that the cluster's certificate authority must have")},
	)
}

// join is root's part of it.
func join(c *cli.Context, p *printer, endpoint string, flags []string) error {
	asked := &kubeadm.JoinRequest{
		Endpoint: endpoint, CAHashes: c.StringSlice("discovery-token-ca-cert-hash"), ControlPlane: c.Bool("control-plane"),
	}
	request, files, err := newRequest(c, flags, asked)
	if err != nil {
		return err
	}
	defer closeAll(files)
	return interruptible(c, p, func() error {
		_, err := requestNode(c.Context, p, request, files, func() error {
			if request.Join.ControlPlane {
				return finishMaster(c, p)
			}
			return finishWorker(c, p)
		})
		return err
	})
}

// finishWorker tells what this machine is now, and what is wrong with it.
func finishWorker(c *cli.Context, p *printer) error {
	p.say("This machine is a worker now. To see it, on a control plane: podsec-k8s kubectl get nodes")
	o, err := lookOver(c.Context)
	if err != nil {
		return err
	}
	o.Faults = append(o.Faults, machineFaults(c.Context, o)...)
	printFaults(p, o)
	return nil
}
