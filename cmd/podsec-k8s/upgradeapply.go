package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// runUpgrade is root's part of an upgrade of this node; first is that of the cluster's
// configuration as well.
func runUpgrade(c *cli.Context, p *printer, first bool) error {
	if err := requireRoot(); err != nil {
		return err
	}
	site, err := node.LoadSite(node.SiteDir)
	if err != nil {
		return err
	}
	archives, files, missing := openArchives(slices.Concat(site.ImageArchives, c.StringSlice("image-archive")))
	defer closeAll(files)
	if len(missing) > 0 {
		return joinFindings(fromRoot(missing, nil))
	}
	return alone(c, p, func() error {
		s, err := upgradeQuestion.ask(c.Context, nothing{})
		if err != nil {
			return err
		}
		to, err := upgradeTarget(c, s, first)
		if err != nil {
			return err
		}
		if !s.Record.Unfinished() && s.Version == to {
			p.say("This node is of Kubernetes %s already; nothing was changed. See: podsec-k8s upgrade plan", to)
			return nil
		}
		note := upgradeNote{To: to, First: first, Kubeconfig: c.String("kubeconfig"), Archives: archives}
		if !s.Record.Unfinished() {
			if err := prepareUpgrade(c, p, s, &note); err != nil {
				return err
			}
		} else if old, found, err := loadUpgradeNote(); err == nil && found {
			note.First, note.Uncordon, note.Kubeconfig, note.Lossy = s.Record.First, old.Uncordon, old.Kubeconfig, old.Lossy
		}
		return carryOut(c.Context, p, note, files)
	})
}

// upgradeTarget decides which version the node is brought to, or why it can't be: what
// has to be installed first comes before all else.
func upgradeTarget(c *cli.Context, s upgrade.State, first bool) (to string, err error) {
	installed, mixed, err := installedVersion(c.Context)
	if err != nil {
		return "", err
	}
	switch {
	case first && !s.ControlPlane:
		return "", host.NewFault("on the first control plane: podsec-k8s upgrade apply; here, afterwards: podsec-k8s upgrade node", "this node is a worker")
	case s.Record.Unfinished():
		to = s.Record.To
		return to, s.CheckRecord(wanted(c, first, to))
	case first:
		to = wanted(c, first, installed)
	default:
		to = s.Cluster
	}
	if _, err := upgrade.ParseVersion(to); err != nil {
		return "", node.NewMisuse("specify one such as v1.34.4", "%w", err)
	}
	if !first && s.Version == to && installed != to {
		return "", host.WithRemedy(message.Errorf("the cluster is of Kubernetes %s", to), "on the first control plane: podsec-k8s upgrade apply; then here: podsec-k8s upgrade node")
	}
	if s.Version == to {
		return to, nil
	}
	if first && s.Cluster == to {
		return "", host.NewFault("upgrade it: podsec-k8s upgrade node", "the cluster is of that version already, but not this node")
	}
	if err := upgrade.CheckStep(s.Version, to); err != nil {
		return "", err
	}
	if to != installed || mixed != nil {
		return "", notInstalled(c.Context, s.Version, to, installed, mixed)
	}
	return to, nil
}

// wanted is the version of the call, or another one.
func wanted(c *cli.Context, first bool, otherwise string) string {
	word := c.Args().First()
	if !first || word == "" {
		return otherwise
	}
	return "v" + strings.TrimPrefix(word, "v")
}

// notInstalled says what to install.
func notInstalled(ctx context.Context, from, to, installed string, mixed error) error {
	err := message.Errorf("Kubernetes %s is not installed here, but %s", to, installed)
	if to == installed {
		err = message.Errorf("Kubernetes %s is only partly installed here: %w", to, mixed)
	}
	return host.WithRemedy(err, "%s; then run the same command again", installLine(ctx, from, to))
}

// prepareUpgrade checks that all is well, asks, and does what comes before u7s-admin's
// part: the programs are kept, a backup is made, and the node is drained.
func prepareUpgrade(c *cli.Context, p *printer, s upgrade.State, note *upgradeNote) error {
	if err := checkBefore(c.Context, s, *note); err != nil {
		return err
	}
	k, drains, err := upgradersKubectl(c, p, s)
	if err != nil {
		return err
	}
	if note.Lossy, err = etcdChanges(c.Context, s); err != nil {
		return err
	}
	if !agreeUpgrade(c, p, s, *note, drains) {
		return message.New("nothing was changed")
	}
	if err := keepInstalled(note.To); err != nil {
		return err
	}
	if note.First && c.String("backup") != "none" {
		if err := backupBefore(c, p, s.Name); err != nil {
			return err
		}
	}
	note.Uncordon = drains && (!s.Own().Cordoned || wasCordoned())
	if err := note.save(); err != nil {
		return err
	}
	if !drains {
		return nil
	}
	return k.drain(c.Context, p, s.Name, append(drainArgs(c, false), withoutDNS))
}

// withoutDNS leaves CoreDNS where it is: an upgrade ends no pod, and a closed site has its
// image on control planes alone. Source: kubectl drain --help; kubeadm's manifest of CoreDNS.
const withoutDNS = "--pod-selector=k8s-app!=kube-dns"

// wasCordoned reports whether an earlier run, which was cut, has cordoned the node.
func wasCordoned() bool {
	old, found, err := loadUpgradeNote()
	return err == nil && found && old.Uncordon
}

// checkBefore is the gate before anything is changed.
func checkBefore(ctx context.Context, s upgrade.State, note upgradeNote) error {
	if err := s.CheckNodes(note.To); err != nil && note.First {
		return err
	}
	o, err := lookOver(ctx)
	if err != nil {
		return err
	}
	if !o.Healthy() {
		return host.NewFault("see what is wrong, and mend it first: podsec-k8s status", "this node is not healthy")
	}
	if !exists(node.KeptSet(s.Version)) {
		return host.WithRemedy(message.Errorf("the programs of Kubernetes %s, to which the node could go back, were not kept", s.Version),
			"install the packages of that version again, then: podsec-k8s host apply; then update the packages and run the same command again")
	}
	return nil
}

// agreeUpgrade says what is about to happen, and asks where a person is there to answer.
func agreeUpgrade(c *cli.Context, p *printer, s upgrade.State, note upgradeNote, drains bool) bool {
	p.say("This node, %s, goes from Kubernetes %s to %s.", s.Name, s.Version, note.To)
	if drains {
		p.say("Its pods are moved to other nodes first (--drain=false: they stay).")
	}
	p.say("If a step fails, the node goes back by itself. Afterwards podsec-k8s upgrade rollback takes it back, until the next upgrade begins; " +
		"what is written to the cluster meanwhile is kept.")
	if note.Lossy {
		p.say("But etcd's minor version changes: if the node goes back, etcd's data go back as well, and what is written from now on is lost then.")
	}
	if c.Bool("yes") || !hasTerminal() {
		return true
	}
	return agrees(p, message.Of("Type yes to continue:"))
}

// upgradersKubectl returns the kubectl of whoever drains the node, and whether it is to be
// drained: where no other node takes pods, they stay.
func upgradersKubectl(c *cli.Context, p *printer, s upgrade.State) (k kubectl, drains bool, err error) {
	config := c.String("kubeconfig")
	switch {
	case !c.Bool("drain"):
		return k, false, nil
	case s.ControlPlane && !s.Elsewhere():
		p.say("No other node takes pods, so those of this node stay on it.")
		return k, false, nil
	case config != "":
		if _, err := os.Stat(config); err != nil {
			return k, false, host.NewFault("specify a file that exists: --kubeconfig FILE", "reading the kubeconfig: %w", err)
		}
		return kubectlBy(config, os.Environ()), true, nil
	case s.ControlPlane:
		access, err := accessQuestion.ask(c.Context, nothing{})
		if err == nil {
			k, err = kubectlOf(access.Access, os.Environ())
		}
		return k, true, err
	default:
		return k, false, host.WithRemedy(message.New("a worker may not drain its own node"),
			"on a control plane: podsec-k8s kubectl drain %s --ignore-daemonsets; then here: podsec-k8s upgrade node --drain=false; then on the control plane: podsec-k8s kubectl uncordon %s. "+
				"Or here, with an administrator's kubeconfig: podsec-k8s upgrade node --kubeconfig FILE", s.Name, s.Name)
	}
}

func backupBefore(c *cli.Context, p *printer, of string) error {
	site, recipients, err := backupSettings(nil)
	if err != nil {
		return err
	}
	return writeNewBackup(c.Context, p, c.String("backup"), of, site, recipients)
}

// carryOut has u7s-admin upgrade the node, or take it back, and does the rest.
func carryOut(ctx context.Context, p *printer, note upgradeNote, files []*os.File) error {
	if err := errors.Join(host.RemoveCutWrites(upgradeMarker), note.save()); err != nil {
		return err
	}
	var failed error
	if note.Back {
		failed = rollbackTask.runScoped(ctx, usernetes.RollbackRequest{Lossy: note.Lossy})
	} else {
		failed = upgradeTask.runScoped(ctx, usernetes.UpgradeRequest{To: note.To, First: note.First, Lossy: note.Lossy, Archives: note.Archives}, files...)
	}
	if ctx.Err() != nil {
		return failed
	}
	if exitStatus(failed) == exitFault {
		explain(ctx, p)
	}
	s, err := upgradeQuestion.ask(ctx, nothing{})
	if err != nil || s.Record.Unfinished() {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, finishUpgrade(ctx, p, note, s))
}

// finishUpgrade does what is left when the node is of one version again.
func finishUpgrade(ctx context.Context, p *printer, note upgradeNote, s upgrade.State) error {
	access, err := accessQuestion.ask(ctx, nothing{})
	if err != nil {
		return err
	}
	if access.Master {
		if err := refreshKubeconfigs(p, access.Access); err != nil {
			return err
		}
	}
	if note.Uncordon {
		k := kubectlBy(note.Kubeconfig, os.Environ())
		if note.Kubeconfig == "" {
			if k, err = kubectlOf(access.Access, os.Environ()); err != nil {
				return err
			}
		}
		if err := k.uncordon(ctx, p, s.Name); err != nil {
			return err
		}
	}
	if err := errors.Join(keepPrograms(ctx), host.Remove(upgradeMarker)); err != nil {
		return err
	}
	p.say("This node runs Kubernetes %s.", s.Version)
	if s.Version == note.To && !note.Back {
		nextNodes(p, s)
	}
	return nil
}

// nextNodes says which nodes come next.
func nextNodes(p *printer, s upgrade.State) {
	for _, m := range s.Nodes {
		if m.Name != s.Name && m.Version != s.Cluster {
			p.say("Next, on %s: update its packages, then: podsec-k8s upgrade node", m.Name)
		}
	}
}

// bootTimeout is how long a cluster may take to answer after its machine has started.
const bootTimeout = 5 * time.Minute

// awaitUpgradeState asks how the node and its cluster are. The cluster may not answer yet,
// for the machine has just started: in the middle of an upgrade that does not matter.
func awaitUpgradeState(ctx context.Context) (s upgrade.State, err error) {
	err = wait.Until(ctx, bootTimeout, func() (err error) { s, err = upgradeQuestion.ask(ctx, nothing{}); return err })
	return s, err
}

// resumeUpgrade continues what was interrupted.
func resumeUpgrade(c *cli.Context, p *printer) error {
	if err := requireRoot(); err != nil {
		return err
	}
	return alone(c, p, func() error {
		note, found, err := loadUpgradeNote()
		if err != nil {
			return err
		}
		if !found {
			p.say("No upgrade was interrupted here.")
			return nil
		}
		s, err := awaitUpgradeState(c.Context)
		if err != nil {
			return err
		}
		if !s.Record.Unfinished() { // it was cut before, or after, the part of u7s-admin
			return finishUpgrade(c.Context, p, note, s)
		}
		names, files, missing := openArchives(note.Archives)
		defer closeAll(files)
		if len(missing) > 0 {
			return joinFindings(fromRoot(missing, nil))
		}
		note.Archives = names
		return carryOut(c.Context, p, note, files)
	})
}
