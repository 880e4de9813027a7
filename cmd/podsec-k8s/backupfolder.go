package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Names of backups that are made by themselves: NODE-TIME.tar, and .age where they
// are encrypted. What is still written has another name.
var (
	backupName    = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]*)-([0-9]{8}T[0-9]{6}Z)\.tar(\.age)?$`)
	cutBackupName = regexp.MustCompile(`^\.[a-z0-9][a-z0-9.-]*-[0-9]{8}T[0-9]{6}Z\.tar(\.age)?[0-9]+$`)
)

const (
	backupTime   = "20060102T150405Z"
	encryptedEnd = ".age"
)

// A storedBackup is a file in the site's folder, as far as its name and size tell.
type storedBackup struct {
	Path      string    `json:"path"`
	Node      string    `json:"node"`
	Created   time.Time `json:"created"`
	Size      int64     `json:"size"`
	Encrypted bool      `json:"encrypted"`
}

// siteBackups lists the backups in the site's folder, the oldest first.
func siteBackups() (all []storedBackup, site node.Backup, err error) {
	if site, err = node.LoadBackup(node.SiteDir); err != nil {
		return nil, site, err
	}
	entries, err := os.ReadDir(site.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, site, nil
	}
	if err != nil {
		return nil, site, message.Errorf("listing the backups: %w", err)
	}
	for _, entry := range entries {
		parts := backupName.FindStringSubmatch(entry.Name())
		info, err := entry.Info()
		if parts == nil || err != nil || !info.Mode().IsRegular() {
			continue
		}
		created, err := time.Parse(backupTime, parts[2])
		if err != nil {
			continue
		}
		all = append(all, storedBackup{filepath.Join(site.Folder, entry.Name()), parts[1], created, info.Size(), parts[3] != ""})
	}
	slices.SortStableFunc(all, func(a, b storedBackup) int { return a.Created.Compare(b.Created) })
	return all, site, nil
}

// removeCutBackups removes what runs that were cut have left in the site's folder.
func removeCutBackups(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return message.Errorf("listing the backups: %w", err)
	}
	for _, entry := range entries {
		if cutBackupName.MatchString(entry.Name()) {
			if err := host.Remove(filepath.Join(folder, entry.Name())); err != nil {
				return message.Errorf("deleting the rest of an interrupted write: %w", err)
			}
		}
	}
	return nil
}

// newBackup is the place of a backup, where nothing may be yet. Without a path it is
// in the site's folder.
func newBackup(path, of string, site node.Backup, encrypted bool) (string, error) {
	if path == "" {
		if err := host.MkdirAll(site.Folder, 0o700); err != nil {
			return "", message.Errorf("writing the backup: %w", err)
		}
		path = filepath.Join(site.Folder, of+"-"+time.Now().UTC().Format(backupTime)+".tar")
		if encrypted {
			path += encryptedEnd
		}
	}
	path, err := newPlace(path)
	if err != nil {
		return "", message.Errorf("writing the backup: %w", err)
	}
	if exists(path) {
		return "", host.NewFault("delete it, or choose another name", "%s exists and is not overwritten", path)
	}
	return path, nil
}
