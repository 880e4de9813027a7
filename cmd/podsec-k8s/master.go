package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

func createMasterCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:      "create-master",
		Usage:     "makes a control plane on this machine with kubeadm init",
		ArgsUsage: "[FLAGS OF kubeadm init]",
		Description: "Flags that are not listed here go to kubeadm init.\n" +
			"Run again after a fault it goes on; after success it changes nothing.\n\n" +
			"Examples:\n" +
			"  podsec-k8s-create-master --node-ip 192.0.2.10\n" +
			"  podsec-k8s-create-master --image-archive coredns.tar --image-archive pause.tar\n" +
			"  podsec-k8s-create-master --control-plane-endpoint api.example:6443 --upload-certs\n" +
			"  podsec-k8s-create-master --config cluster.yaml --skip-phases addon/coredns",
		Flags:           masterFlags(),
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			ours, kubeadms, err := splitFlags(masterFlags(), c.Args().Slice())
			if err != nil {
				return wrongUsage("podsec-k8s-create-master", err)
			}
			return parsed(c, masterFlags(), ours, func(c *cli.Context) error { return createMaster(c, p, kubeadms) })
		},
	}
}

func masterFlags() []cli.Flag {
	return append(nodeFlags(),
		&cli.BoolFlag{Name: "upload-certs", Usage: "share the certificates, for further control planes; with --control-plane-endpoint"},
		&cli.StringFlag{Name: "write-kubeconfig", Usage: "where to write your kubeconfig; default: ~/.kube/config, or beside it"})
}

// createMaster is root's half of it.
func createMaster(c *cli.Context, p *printer, kubeadms []string) error {
	request, files, err := newRequest(c, kubeadms)
	if err != nil {
		return err
	}
	defer closeAll(files)
	switch done, err := requestNode(c.Context, p, request, files); {
	case err != nil:
		return err
	case !done:
		return nil
	}
	return finishMaster(c, p)
}

// finishMaster hands the cluster over: the caller gets a kubeconfig, and the
// command by which others join.
func finishMaster(c *cli.Context, p *printer) error {
	var answer masterAnswer
	if err := askAdmin(c.Context, nil, &answer, "node", "access"); err != nil {
		return err
	}
	path, err := writeKubeconfig(answer.Access, c.String("write-kubeconfig"))
	if err != nil {
		return err
	}
	p.say("\nThe control plane is ready. Your kubeconfig: %s", path)
	p.say("Other machines join with:\n  podsec-k8s join %s", answer.Join)
	if !c.Bool("upload-certs") {
		return nil
	}
	var line string
	if err := askAdmin(c.Context, joinLineRequest{ControlPlane: true}, &line, "node", "join-line"); err != nil {
		return err
	}
	p.say("Further control planes join within two hours with:\n  podsec-k8s join %s", line)
	return nil
}

// writeKubeconfig writes root's kubeconfig and tells where. Unless asked to,
// it writes over nothing.
func writeKubeconfig(access usernetes.Access, path string) (string, error) {
	if err := access.Check(); err != nil {
		return "", fmt.Errorf("checking what the node says of its cluster: %w", err)
	}
	data, err := access.Kubeconfig()
	if err != nil {
		return "", fmt.Errorf("making the kubeconfig: %w", err)
	}
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("finding your home: %w", err)
		}
		path = freeName(filepath.Join(home, ".kube/config"))
	}
	if err := host.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return path, host.WriteFile(path, data, 0o600)
}

func freeName(path string) string {
	if _, err := os.Lstat(path); err == nil {
		return path + ".podsec-k8s"
	}
	return path
}
