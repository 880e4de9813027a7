package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// backupTimeout is how long u7s-admin's part of a backup may take: etcd hands out
// some GiB at most.
const backupTimeout = 30 * time.Minute

// createBackup is root's part of it: the file is root's alone, from its first moment.
func createBackup(c *cli.Context, p *printer) error {
	if err := requireRoot(); err != nil {
		return err
	}
	site, recipients, err := backupSettings(c.StringSlice("recipient"))
	if err != nil {
		return err
	}
	return interruptible(c, p, func() error {
		access, err := askMaster(c.Context)
		if err != nil {
			return err
		}
		unlock, err := lockNode(c.Context, p)
		if err != nil {
			return err
		}
		defer unlock()
		return writeNewBackup(c.Context, p, c.Args().First(), access.Name, site, recipients)
	})
}

// writeNewBackup makes a backup at a path, or in the site's folder. Whoever calls it has
// the lock.
func writeNewBackup(ctx context.Context, p *printer, path, of string, site node.Backup, recipients []age.Recipient) error {
	path, err := newBackup(path, strings.ToLower(of), site, recipients != nil)
	if err != nil {
		return err
	}
	var m backup.Manifest
	err = host.MakeNewFile(path, func(to io.Writer) (err error) {
		m, err = writeBackup(ctx, to, recipients)
		return err
	})
	if err != nil {
		return err
	}
	p.say("The backup: %s\netcd: revision %d, keys: %d", path, m.Revision, m.Keys)
	p.outside(m)
	if recipients == nil {
		p.say("It has the keys of the cluster, unencrypted. Only root can read it; keep it so.")
	}
	return nil
}

// outside names what a restore needs besides the backup.
func (p *printer) outside(m backup.Manifest) {
	if len(m.Outside) > 0 {
		p.say("The cluster's configuration names files that are not in the backup: %s\nCopy them too: restore needs them in the same places.", strings.Join(m.Outside, ", "))
	}
}

// backupSettings are the site's, and whom a backup is encrypted for: keys, or the site's.
func backupSettings(keys []string) (site node.Backup, recipients []age.Recipient, err error) {
	if site, err = node.LoadBackup(node.SiteDir); err != nil {
		return site, nil, err
	}
	if len(keys) == 0 {
		keys = site.Recipients
	}
	recipients, err = parseRecipients(keys)
	return site, recipients, err
}

// parseRecipients reads public keys of age.
func parseRecipients(keys []string) (all []age.Recipient, err error) {
	for _, key := range keys {
		parsed, err := age.ParseRecipients(strings.NewReader(key))
		if err != nil || len(parsed) != 1 {
			return nil, node.NewMisuse("make a pair of keys elsewhere, and specify its public one: age-keygen -o key.txt",
				"%q is not a public key of age", key)
		}
		all = append(all, parsed[0])
	}
	return all, nil
}

// writeBackup writes a backup, encrypted where there is someone to encrypt it for.
func writeBackup(ctx context.Context, to io.Writer, recipients []age.Recipient) (m backup.Manifest, err error) {
	if recipients == nil {
		return fillBackup(ctx, to)
	}
	sealed, err := age.Encrypt(to, recipients...)
	if err != nil {
		return m, message.Errorf("encrypting the backup: %w", err)
	}
	if m, err = fillBackup(ctx, sealed); err != nil {
		return m, err
	}
	if err := sealed.Close(); err != nil {
		return m, message.Errorf("encrypting the backup: %w", err)
	}
	return m, nil
}

// backupPart is the name of the part that runs as u7s-admin.
const backupPart = "backup"

// serveBackup is that part: it prints the backup, without what is root's.
func serveBackup(c *cli.Context) error {
	var r nothing
	if err := readRequest(&r); err != nil {
		return err
	}
	return backup.Make(c.Context, version, os.Stdout)
}

// fillBackup has u7s-admin make a backup, checks it while it comes, and adds what is
// root's.
func fillBackup(ctx context.Context, to io.Writer) (m backup.Manifest, err error) {
	call, err := nodeCall(ctx, backupPart, backupTimeout)
	if err != nil {
		return m, err
	}
	from, made := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		made.CloseWithError(childExit(call.Copy(ctx, nothing{}, made, os.Stderr)))
	}()
	m, err = takeBackup(from, to)
	from.CloseWithError(err)
	<-ended
	return m, err
}

// takeBackup copies a backup of u7s-admin's.
func takeBackup(from io.Reader, to io.Writer) (m backup.Manifest, err error) {
	r, err := backup.NewReader(from)
	if err != nil {
		return m, err
	}
	for _, f := range r.Manifest.Files {
		if strings.HasPrefix(f.Name, backup.SiteFolder) {
			return m, message.Errorf("the node's part of the backup has the file %q, which is root's", f.Name)
		}
	}
	site, err := siteFiles()
	if err != nil {
		return m, err
	}
	m = r.Manifest
	m.Created, m.PodsecK8s, m.Files = time.Now().UTC(), version, nil
	for _, f := range site {
		m.Files = append(m.Files, f.File)
	}
	m.Files = append(m.Files, r.Manifest.Files...)
	w, err := backup.NewWriter(to, m)
	if err != nil {
		return m, err
	}
	for _, f := range site {
		if err := w.Add(f.Name, bytes.NewReader(f.data)); err != nil {
			return m, err
		}
	}
	if err := r.Each(func(f backup.File, content io.Reader) error { return w.Add(f.Name, content) }); err != nil {
		return m, err
	}
	return m, w.Close()
}

// A siteFile is one of the site's settings.
type siteFile struct {
	backup.File
	data []byte
}

// siteFiles reads the site's settings.
func siteFiles() (all []siteFile, err error) {
	for _, pattern := range []string{"*", "crio.conf.d/*"} {
		paths, err := filepath.Glob(filepath.Join(node.SiteDir, pattern))
		if err != nil {
			return nil, message.Errorf("listing %q: %w", node.SiteDir, err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			data, err := host.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			name := backup.SiteFolder + strings.TrimPrefix(path, node.SiteDir+"/")
			f, err := backup.Describe(name, bytes.NewReader(data))
			if err != nil || f.Check() != nil { // of an editor, or much too large
				continue
			}
			all = append(all, siteFile{f, data})
		}
	}
	return all, nil
}
