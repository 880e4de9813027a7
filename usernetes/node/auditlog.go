package node

import (
	"regexp"
	"strconv"

	"github.com/alt-cloud/podsec-k8s/message"
)

// An AuditLog is what a site has settled for the audit log.
type AuditLog struct {
	Group   string // that may read it; "" for none
	MaxSize int    // megabytes of a file, before it is renamed
	MaxAge  int    // days for which renamed files are kept; 0 is for ever
	Backups int    // how many renamed files are kept; 0 is all
}

// The settings for it.
const (
	auditGroup   = "AUDIT_GROUP"
	auditMaxSize = "AUDIT_MAX_SIZE"
	auditMaxAge  = "AUDIT_MAX_AGE"
	auditBackups = "AUDIT_MAX_BACKUPS"
)

// groupName is the form of a group's name. Source: shadow's groupadd(8), CAVEATS.
var groupName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// maxAuditNumber bounds each number: no log is larger, or kept for longer.
const maxAuditNumber = 100000

func (a *AuditLog) set(key, value string) (err error) {
	switch key {
	case auditGroup:
		if !groupName.MatchString(value) {
			err = message.Errorf("%q is not the name of a group", value)
		}
		a.Group = value
	case auditMaxSize:
		a.MaxSize, err = parseBetween(value, 1, maxAuditNumber)
	case auditMaxAge:
		a.MaxAge, err = parseBetween(value, 0, maxAuditNumber)
	case auditBackups:
		a.Backups, err = parseBetween(value, 0, maxAuditNumber)
	}
	return err
}

func parseBetween(value string, least, most int) (int, error) {
	number, err := strconv.Atoi(value)
	if err != nil || number < least || number > most {
		return least, message.Errorf("%q is not a number from %d to %d", value, least, most)
	}
	return number, nil
}
