package host

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// What is read of a unit's log: lines, bytes, and for how long at most. A
// program that is given a wrong flag prints its error before hundreds of lines
// of help.
const (
	logLines   = 1000
	logBytes   = 256 << 10
	logTimeout = 5 * time.Second
)

// LastUnitError returns the last error that a service of a user has printed
// since boot, and since a moment when that is not zero: one line, "" when there
// is none. ended says that the service has ended: then its last line will do
// where none tells of an error. It takes root, for a system user's services write into the system's
// journal. Source: systemd.journal-fields(7); journalctl(1).
func LastUnitError(ctx context.Context, uid uint32, unit string, since time.Time, ended bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	args := []string{"--quiet", "--boot", "--output=cat", "--no-pager", "--lines=" + strconv.Itoa(logLines)}
	if !since.IsZero() {
		args = append(args, "--since=@"+strconv.FormatInt(since.Unix(), 10))
	}
	args = append(args, "_SYSTEMD_USER_UNIT="+unit, "_UID="+strconv.FormatUint(uint64(uid), 10))
	text := boundedBuffer{limit: logBytes}
	if err := (Command{Path: "journalctl", Args: args, Stdout: &text}).Run(ctx); err != nil {
		return "", message.Errorf("reading the journal of %s: %w", unit, err)
	}
	reason, isError := lastError(text.String())
	if !isError && !ended {
		return "", nil
	}
	return reason, nil
}

// A boundedBuffer keeps the first limit bytes written to it.
type boundedBuffer struct {
	kept  bytes.Buffer
	limit int
}

// Write takes all and keeps what fits.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if room := b.limit - b.kept.Len(); room > 0 {
		b.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (b *boundedBuffer) String() string { return b.kept.String() }
