package main

import (
	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
)

func createMasterCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  createMaster,
		Usage: p.help("makes this machine a control plane, with kubeadm init"),
		Description: p.help("Flags that are not listed here go to kubeadm init. After a fault, the same command continues; after "+
			"success, it changes nothing.") +
			p.examples("podsec-k8s-create-master --node-ip 192.0.2.10",
				"podsec-k8s-create-master --image-archive coredns.tar \\\n--image-archive pause.tar",
				"podsec-k8s-create-master --upload-certs \\\n--control-plane-endpoint api.example:6443",
				"podsec-k8s-create-master --config cluster.yaml --skip-phases addon/coredns"),
		Flags:           masterFlags(p),
		SkipFlagParsing: true,
		Action:          passing(func(c *cli.Context, flags, _ []string) error { return makeMaster(c, p, flags) }, "init"),
	}
}

func masterFlags(p *printer) []cli.Flag {
	return append(nodeFlags(p),
		&cli.StringFlag{Name: "audit", Usage: p.help("the `MODE` of the audit log: metadata, requests, off, or a policy file"), DefaultText: string(audit.Default)},
		&cli.BoolFlag{Name: "upload-certs", Usage: p.help("share the certificates with more control planes; with --control-plane-endpoint")},
		&cli.StringFlag{Name: "write-kubeconfig", Usage: p.help("the `FILE` to write your kubeconfig to"), DefaultText: p.help("%s, or beside it", "~/.kube/config")})
}

// makeMaster is root's part of it.
func makeMaster(c *cli.Context, p *printer, flags []string) error {
	request, files, err := newRequest(c, flags, nil)
	if err != nil {
		return err
	}
	defer closeAll(files)
	return interruptible(c, p, func() error {
		done, err := requestNode(c.Context, p, request, files, func() error { return finishMaster(c, p) })
		if err == nil && !done && c.IsSet("write-kubeconfig") && !request.DryRun {
			return handAccess(c, p)
		}
		return err
	})
}

// finishMaster hands the cluster over: the caller gets a kubeconfig, and the
// command by which others join.
func finishMaster(c *cli.Context, p *printer) error {
	p.say("\nThe control plane is ready.")
	if err := handAccess(c, p); err != nil {
		return err
	}
	worker, err := ticketQuestion.ask(c.Context, ticketRequest{})
	if err != nil {
		return err
	}
	p.say("\nOther machines join with these lines, in a root shell:\n\n%s", worker.Command())
	if !c.Bool("upload-certs") {
		return nil
	}
	control, err := ticketQuestion.ask(c.Context, ticketRequest{ControlPlane: true})
	if err != nil {
		return err
	}
	p.say("\nMore control planes join with these lines, within two hours:\n\n%s", control.Command())
	return nil
}

// handAccess writes the caller's kubeconfig and tells where.
func handAccess(c *cli.Context, p *printer) error {
	node, err := accessQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	path, beside, err := writeKubeconfig(c.Context, node.Access, c.String("write-kubeconfig"))
	if err != nil {
		return err
	}
	p.say("Your kubeconfig: %s", path)
	if beside {
		p.say("~/.kube/config belongs to another cluster or was changed, so it stays. To make kubectl use the new one:\n\nexport KUBECONFIG=%s", path)
	}
	return nil
}
