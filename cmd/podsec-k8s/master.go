package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	return []cli.Flag{
		&cli.StringFlag{Name: "node-ip", Usage: "the `ADDRESS` by which other machines reach this node"},
		&cli.StringSliceFlag{Name: "image-archive", Usage: "a docker archive `FILE` to load instead of pulling; may be repeated"},
		&cli.StringFlag{Name: "config", Usage: "a kubeadm configuration `FILE`, laid over ours"},
		&cli.StringFlag{Name: "write-kubeconfig", Usage: "where to write your kubeconfig; default: ~/.kube/config, or beside it"},
		&cli.StringSliceFlag{Name: "ignore-preflight", Usage: "pass over the check of that `NAME`; all for every one"},
		&cli.BoolFlag{Name: "dry-run", Usage: "check, print what would be done, and change nothing"},
	}
}

// createMaster is root's half: it opens what only root may, holds the lock,
// and lets u7s-admin do the rest.
func createMaster(c *cli.Context, p *printer, kubeadms []string) error {
	if err := requireRoot(); err != nil {
		return err
	}
	request, files, err := newMasterRequest(c, kubeadms)
	if err != nil {
		return err
	}
	defer closeAll(files)
	var state nodeState
	if err := askAdmin(c.Context, &state, "node", "status"); err != nil {
		return err
	}
	if state.Finished {
		p.say("This machine is a master already; nothing was changed. See: podsec-k8s kubectl get nodes")
		return nil
	}
	if request.DryRun {
		return runAsAdmin(c.Context, request, files, "node", "create-master")
	}
	unlock, err := lockNode()
	if err != nil {
		return err
	}
	defer unlock()
	create := func() error { return runAsAdmin(c.Context, request, files, "node", "create-master") }
	if err := withMarker(c.Context, create); err != nil {
		return err
	}
	return finishMaster(c, p)
}

func newMasterRequest(c *cli.Context, kubeadms []string) (masterRequest, []*os.File, error) {
	site, err := usernetes.LoadSite(usernetes.SiteDir)
	if err != nil {
		return masterRequest{}, nil, err
	}
	o := usernetes.MasterOptions{
		NodeIP: c.String("node-ip"), ConfigName: c.String("config"), Flags: kubeadms,
		Archives: slices.Concat(site.ImageArchives, c.StringSlice("image-archive")),
		Ignore:   c.StringSlice("ignore-preflight"),
	}
	if o.ConfigName != "" {
		if o.Config, err = os.ReadFile(o.ConfigName); err != nil {
			return masterRequest{}, nil, &host.Fault{
				Err: fmt.Errorf("reading the kubeadm configuration: %w", err), Remedy: "give a file that exists: --config FILE",
			}
		}
	}
	if o.SiteConfig, err = os.ReadFile(site.KubeadmConfig); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return masterRequest{}, nil, fmt.Errorf("reading the site's kubeadm configuration: %w", err)
	}
	files, faults := openArchives(o.Archives)
	return masterRequest{Options: o, Faults: faults, DryRun: c.Bool("dry-run")}, files, nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close() //nolint:errcheck // opened for reading
	}
}

// finishMaster hands the cluster over: the system's kubelet service guards
// the node from now on, and the caller gets a kubeconfig.
func finishMaster(c *cli.Context, p *printer) error {
	if err := startGuard(c.Context); err != nil {
		return err
	}
	var answer masterAnswer
	if err := askAdmin(c.Context, &answer, "node", "access"); err != nil {
		return err
	}
	path, err := writeKubeconfig(answer.Access, c.String("write-kubeconfig"))
	if err != nil {
		return err
	}
	p.say("\nThe control plane is ready. Your kubeconfig: %s", path)
	p.say("Other machines join with:\n  podsec-k8s join %s", answer.Join)
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

// showPlan prints what a dry run would have done.
func showPlan(p *printer, plan usernetes.Plan) error {
	for i, phase := range usernetes.MasterPhases() {
		p.say("[%d] %s", i+1, p.words.text(phaseTitle(phase.Name)))
	}
	p.say("\nThe configuration for kubeadm init %s:\n%s", strings.Join(plan.Pass, " "), plan.Config)
	return nil
}
