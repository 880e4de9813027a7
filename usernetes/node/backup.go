package node

import (
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Backup is where backups of the cluster go that are made by themselves.
type Backup struct {
	Folder     string   // an absolute path
	Keep       int      // how many of them
	Recipients []string // public keys for which they are encrypted; may be none
}

// Settings of backups.
const (
	backupFolder     = "BACKUP_DIR"
	backupKeep       = "BACKUP_KEEP"
	backupRecipients = "BACKUP_RECIPIENTS"
)

// maxBackups bounds how many are kept.
const maxBackups = 10000

func (b *Backup) set(key, value string) (err error) {
	switch key {
	case backupFolder:
		b.Folder = value
		if !filepath.IsAbs(value) {
			err = message.Errorf("%s %q is not an absolute path", key, value)
		}
	case backupKeep:
		b.Keep, err = parseBetween(value, 1, maxBackups)
	case backupRecipients:
		b.Recipients = strings.Fields(strings.ReplaceAll(value, ",", " "))
	}
	return err
}
