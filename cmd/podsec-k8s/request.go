package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// nodeFlags are the flags that create-master and join have in common.
func nodeFlags(p *printer) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "node-ip", Usage: p.help("the `ADDRESS` at which other machines reach this node"), DefaultText: p.help("NODE_IP in %s, or that of the default route", node.SiteDir)},
		&cli.StringFlag{Name: "network", Usage: p.help("the `MODE` of the namespaces' network: %s", strings.Join(node.ModeNames(), ", ")), DefaultText: p.help("NETWORK in %s, or %s", node.SiteDir, node.ModeNames()[0])},
		&cli.StringSliceFlag{Name: "image-archive", Usage: p.help("docker archive `FILE` to load instead of pulling")},
		&cli.StringFlag{Name: "config", Usage: p.help("kubeadm configuration `FILE`, merged into the generated one")},
		&cli.StringSliceFlag{Name: "ignore-preflight", Usage: p.help("skip the check of that `NAME`; all skips every check")},
		&cli.BoolFlag{Name: "dry-run", Usage: p.help("check, print what would be done, change nothing")},
	}
}

// newRequest checks the call, and then reads what root alone may read:
// configuration, image archives, and the secrets of a join. An archive that is
// missing is a finding, told with all others. join is nil for a new cluster.
func newRequest(c *cli.Context, flags []string, join *kubeadm.JoinRequest) (nodeRequest, []*os.File, error) {
	o := usernetes.Options{
		NodeIP: c.String("node-ip"), Network: c.String("network"), ConfigName: c.String("config"), Flags: flags,
		GivenArchives: c.StringSlice("image-archive"), Ignore: c.StringSlice("ignore-preflight"), Upload: c.Bool("upload-certs"),
	}
	if err := checkCall(c, o, join); err != nil {
		return nodeRequest{}, nil, err
	}
	if err := requireRoot(); err != nil {
		return nodeRequest{}, nil, err
	}
	site, err := node.LoadSite(node.SiteDir)
	if err != nil {
		return nodeRequest{}, nil, err
	}
	if c.IsSet("audit") {
		if o.Audit, err = audit.SettingOf(c.String("audit"), os.ReadFile); err != nil {
			return nodeRequest{}, nil, err
		}
	}
	if err := readConfigs(&o, site); err != nil {
		return nodeRequest{}, nil, err
	}
	if join != nil {
		if err := readSecrets(c, join, os.Stdin); err != nil {
			return nodeRequest{}, nil, err
		}
		if err := join.Check(); err != nil {
			return nodeRequest{}, nil, err
		}
	}
	names, files, faults := openArchives(slices.Concat(site.ImageArchives, o.GivenArchives))
	o.Archives = names
	site.Network = cmp.Or(o.Network, site.Network)
	faults = append(faults, firewallFaults(c.Context, site.Network, o)...)
	return nodeRequest{Options: o, Join: join, Faults: faults, DryRun: c.Bool("dry-run"), Site: site}, files, nil
}

// readConfigs reads the kubeadm configurations of the administrator and of the
// site.
func readConfigs(o *usernetes.Options, site node.Site) (err error) {
	if o.ConfigName != "" {
		if o.Config, err = os.ReadFile(o.ConfigName); err != nil {
			return host.NewFault("specify a file that exists: --config FILE", "reading the kubeadm configuration: %w", err)
		}
	}
	if o.SiteConfig, err = os.ReadFile(site.KubeadmConfig); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return message.Errorf("reading the site's kubeadm configuration: %w", err)
	}
	if err := o.CheckAudit(); err != nil {
		return err
	}
	return o.CheckUpload()
}

// checkCall looks at the call alone, before anything is read or done.
func checkCall(c *cli.Context, o usernetes.Options, join *kubeadm.JoinRequest) error {
	if err := o.CheckCall(join); err != nil || join == nil {
		return err
	}
	if err := join.CheckEndpoint(); err != nil {
		return err
	}
	return checkSecrets(c, join)
}

// requestNode holds the lock and lets u7s-admin make the node; then the
// system's kubelet service guards it, and finish does what is left. A run that
// was cut in that is finished as well. done is false when there was nothing to
// do, or it was not to be done.
func requestNode(ctx context.Context, p *printer, request nodeRequest, files []*os.File, finish func() error) (done bool, err error) {
	state, err := stateQuestion.ask(ctx, &request)
	if err != nil {
		return false, err
	}
	finished, err := finishedByRoot()
	if err != nil {
		return false, err
	}
	if state.Finished && (finished || request.DryRun) {
		p.say("This machine is already a node of a cluster; nothing was changed. See: podsec-k8s kubectl get nodes")
		return false, guardCutNode(ctx, p)
	}
	if !state.Finished {
		found, err := rootFindings(ctx, p, state)
		if err != nil {
			return false, err
		}
		request.Faults = append(request.Faults, found...)
	}
	if request.DryRun {
		return false, makeTask.run(ctx, request, files...)
	}
	unlock, err := lockNode(ctx, p)
	if err != nil {
		return false, err
	}
	defer unlock()
	if !state.Finished {
		if err := createNode(ctx, p, request, files); err != nil {
			return false, err
		}
	}
	return true, finishNode(ctx, p, finish)
}

// createNode lets u7s-admin make the node.
func createNode(ctx context.Context, p *printer, request nodeRequest, files []*os.File) error {
	if node.ModeOf(request.Site.Network).RootService {
		if err := checkThenEnableVeth(ctx, p, request, files); err != nil {
			return err
		}
		request.Checked = true
	}
	return withMarker(ctx, func() error {
		err := makeTask.runScoped(ctx, request, files...)
		if exitStatus(err) == exitFault {
			explain(ctx, p)
		}
		return err
	})
}

// finishNode does root's part once the node is made. The next run does what a
// signal has cut.
func finishNode(ctx context.Context, p *printer, finish func() error) error {
	keep := func() error { keepOrWarn(ctx, p); return nil } // the node is there without it
	for _, step := range []func() error{func() error { return guardNode(ctx, p) }, finish, keep, noteFinished} {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// checkThenEnableVeth changes the host only for a machine that is fit for a
// node.
func checkThenEnableVeth(ctx context.Context, p *printer, request nodeRequest, files []*os.File) error {
	request.Check = true
	if err := makeTask.runScoped(ctx, request, files...); err != nil {
		return err
	}
	return enableVeth(ctx, p)
}

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close() //nolint:errcheck // opened for reading
	}
}
