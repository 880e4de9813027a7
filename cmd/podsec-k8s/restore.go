package main

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func restoreCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "restore",
		Usage: p.help("makes this machine the control plane of a cluster from a backup"),
		Description: p.help("The machine may be new and have another address; it must not be a node: podsec-k8s reset. The backup is checked "+
			"before anything is changed. What was written to the cluster after the backup is lost. After a fault, the same command continues.") +
			p.examples("podsec-k8s restore /srv/cluster.tar", "podsec-k8s restore --node-ip 192.0.2.20 /srv/cluster.tar"),
		ArgsUsage: "FILE", SkipFlagParsing: true,
		Flags: append(slices.DeleteFunc(nodeFlags(p), func(f cli.Flag) bool { return f.Names()[0] == "config" }),
			&cli.StringFlag{Name: "node-name", Usage: p.help("the `NAME` of this node in the cluster"), DefaultText: p.help("that of the control plane in the backup")},
			&cli.StringFlag{Name: "control-plane-endpoint", Usage: p.help("the `ENDPOINT` of the cluster"), DefaultText: p.help("that of the backup; this machine's address, if it was the address of the control plane in the backup")},
			identityFlag(p),
			&cli.StringFlag{Name: "write-kubeconfig", Usage: p.help("the `FILE` to write your kubeconfig to"), DefaultText: p.help("%s, or beside it", "~/.kube/config")}),
		Action: anyOrder(func(c *cli.Context) error { return restoreCluster(c, p) }),
	}
}

// restoreCluster is root's part of it. Nothing is changed before the backup is checked
// to its last byte.
func restoreCluster(c *cli.Context, p *printer) error {
	o := usernetes.Options{
		NodeIP: c.String("node-ip"), Network: c.String("network"), GivenArchives: c.StringSlice("image-archive"), Ignore: c.StringSlice("ignore-preflight"),
	}
	for _, name := range []string{"node-name", "control-plane-endpoint"} {
		if c.IsSet(name) {
			o.Flags = append(o.Flags, "--"+name+"="+c.String(name))
		}
	}
	if err := o.CheckCall(nil); err != nil {
		return err
	}
	if err := requireRoot(); err != nil {
		return err
	}
	site, err := node.LoadSite(node.SiteDir)
	if err != nil {
		return err
	}
	if err := readConfigs(&o, site); err != nil {
		return err
	}
	file, restore, err := readBackup(c.Args().First(), c.String("identity"), &o)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // opened for reading
	p.notRestored(restore, o)
	names, files, faults := openArchives(slices.Concat(site.ImageArchives, o.GivenArchives))
	defer closeAll(files)
	o.Archives = names
	if o.Network == "" {
		o.Network = restore.Node.Network // before the firewall is asked
	}
	site.Network, site.MTU = cmp.Or(o.Network, site.Network), cmp.Or(restore.Node.MTU, site.MTU)
	faults = append(faults, firewallFaults(c.Context, site.Network, o)...)
	request := nodeRequest{Options: o, Restore: &restore, Faults: faults, DryRun: c.Bool("dry-run"), Site: site}
	return interruptible(c, p, func() error {
		if err := checkNoNode(c.Context); err != nil {
			return err
		}
		_, err := requestNode(c.Context, p, request, append(files, file), func() error { return finishRestore(c, p) })
		return err
	})
}

// notRestored says what of the site is going to be otherwise than in the backup.
func (p *printer) notRestored(r usernetes.RestoreRequest, o usernetes.Options) {
	if r.LacksPolicy(o.Config) {
		p.say("The backup has not the audit policy of the site: the audit log is going to be of the mode metadata.\nTo change it afterwards: podsec-k8s audit set FILE")
	}
	if len(r.Site) > 0 {
		p.say("These settings of the site are in the backup, and on this machine missing or different: %s\nThey are not restored. To compare them, unpack the backup: tar -xf FILE", strings.Join(r.Site, ", "))
	}
}

// otherSettings lists the site's settings of a backup that this machine has not.
func otherSettings(m backup.Manifest) (names []string, err error) {
	here, err := siteFiles()
	for _, f := range m.Files {
		name, ofSite := strings.CutPrefix(f.Name, backup.SiteFolder)
		if ofSite && !slices.ContainsFunc(here, func(own siteFile) bool { return own.File == f }) {
			names = append(names, filepath.Join(node.SiteDir, name))
		}
	}
	return names, err
}

// checkNoNode reports whether there is a node already, made to its end.
func checkNoNode(ctx context.Context) error {
	state, err := stateQuestion.ask(ctx, nil)
	if err != nil || !state.Finished {
		return err
	}
	finished, err := finishedByRoot()
	if err != nil || !finished {
		return err
	}
	return host.NewFault("delete this node first, with all its data: podsec-k8s reset; then run the command again", "this machine is already a node of a cluster")
}

// readBackup checks a backup to its end and keeps what is needed to plan. The file is
// for u7s-admin to read: one that was encrypted is a copy without a name.
func readBackup(path, identity string, o *usernetes.Options) (plain *os.File, r usernetes.RestoreRequest, err error) {
	file, err := openBackup(path)
	if err != nil {
		return nil, r, err
	}
	from, sealed, err := decrypted(file, identity)
	if err == nil && sealed {
		defer file.Close() //nolint:errcheck // opened for reading
		file, err = unnamedCopy(from)
		from = file
	}
	if err == nil {
		r, err = planned(from, o)
	}
	if err != nil {
		file.Close() //nolint:errcheck // opened for reading
		return nil, r, undecrypted(err)
	}
	return file, r, nil
}

// unnamedCopy copies to a file of root's that is gone when nobody has it open.
func unnamedCopy(from io.Reader) (*os.File, error) {
	if err := host.MkdirAll(host.StateDir, 0o700); err != nil {
		return nil, message.Errorf("decrypting the backup: %w", err)
	}
	file, err := host.TempFile(host.StateDir, "backup-")
	if err != nil {
		return nil, message.Errorf("decrypting the backup: %w", err)
	}
	if err = host.Remove(file.Name()); err == nil {
		_, err = io.Copy(file, from)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return file, message.Errorf("decrypting the backup: %w", err)
	}
	return file, nil
}

// planned reads what the plan needs, and all the rest.
func planned(from io.Reader, o *usernetes.Options) (r usernetes.RestoreRequest, err error) {
	reader, err := backup.NewReader(from)
	if err != nil {
		return r, err
	}
	kept, err := reader.Check(backup.KubeadmName, backup.NodeName, backup.PolicyName)
	if err != nil {
		return r, err
	}
	m := reader.Manifest
	if err := json.Unmarshal(kept[backup.NodeName], &r.Node); err != nil {
		return r, message.Errorf("reading the node of the backup: %w", err)
	}
	r.Digest, r.Kubernetes, r.Etcd, r.Name, r.Address = m.Digest(), m.Kubernetes, m.Etcd, m.Node, m.Address
	r.Policy = kept[backup.PolicyName]
	o.ConfigName, o.Config = backup.KubeadmName, kept[backup.KubeadmName]
	r.Site, err = otherSettings(m)
	return r, err
}

// restoredQuestion asks what a restore has left to do.
var restoredQuestion = question[nothing, usernetes.Restored]{
	name: "restored", timeout: time.Minute,
	handle: func(ctx context.Context, _ nothing) (usernetes.Restored, error) { return usernetes.AskRestored(ctx) },
	check:  usernetes.Restored.Check,
}

// finishRestore hands the cluster over, and says what is left to do.
func finishRestore(c *cli.Context, p *printer) error {
	p.say("\nThe control plane is restored.")
	if err := handAccess(c, p); err != nil {
		return err
	}
	r, err := restoredQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	if len(r.Removed) > 0 {
		p.say("\nThese control planes are no longer in the cluster: %s\nReset each machine that still runs (podsec-k8s reset --force), and join it again. "+
			"To print the command: podsec-k8s token create --control-plane", strings.Join(r.Removed, ", "))
	}
	if len(r.Silent) > 0 {
		p.silent(r)
	}
	return nil
}

// silent says what to do about nodes that have not reported yet. They ask at the
// cluster's endpoint: a name can lead them here.
func (p *printer) silent(r usernetes.Restored) {
	p.say("\nThese nodes have not reported yet: %s\nIf a machine is gone: podsec-k8s kubectl delete node NAME", strings.Join(r.Silent, ", "))
	if r.Endpoint != "" {
		p.say("If it still runs, the name %s has to lead to %s there: in DNS, or in /etc/hosts. It reports within a minute then, and its pods keep running.", r.Endpoint, r.Address)
		return
	}
	p.say("If it still runs and does not report within a minute, there:\n%s", followLine(r.Server))
}
