package host

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/alt-cloud/podsec-k8s/message"
)

// An AccountFile is a file of the account tools that has to be there, be it
// empty: usermod gives no subordinate ids where /etc/subuid is missing.
// Source: usermod(8), subuid(5).
type AccountFile struct{ Path string }

// Kind names the type in the journal.
func (a AccountFile) Kind() string { return "account-file" }

// Key is the path.
func (a AccountFile) Key() string { return a.Path }

// Describe is the line a plan prints.
func (a AccountFile) Describe() message.Text {
	return message.Of("create %s if it is missing", a.Path)
}

func (a AccountFile) writes() string { return a.Path }

// Record keeps whether it was there.
func (a AccountFile) Record(h *Host) (Before, error) { return before(h.present(a.Path)) }

// Apply makes it, empty. What is no file is left to the administrator.
func (a AccountFile) Apply(_ context.Context, h *Host) error {
	info, err := os.Stat(h.path(a.Path))
	switch {
	case err == nil && info.Mode().IsRegular():
		return nil
	case err == nil || h.present(a.Path):
		return WithRemedy(message.Errorf("%s is not a file, so subordinate ids cannot be assigned", a.Path),
			"rename it: mv %s %s.old; then podsec-k8s host apply", a.Path, a.Path)
	case errors.Is(err, fs.ErrNotExist):
		return h.write(a.Path, nil, 0o644)
	}
	return err
}

// Undo removes the file when it was made here and nobody has a line in it.
func (a AccountFile) Undo(_ context.Context, h *Host, b Before) error {
	existed, err := decodeBefore[bool](b)
	if err != nil || existed || !h.present(a.Path) {
		return err
	}
	data, err := os.ReadFile(h.path(a.Path))
	if err != nil {
		return err
	}
	if len(data) > 0 {
		return &Kept{a.Path}
	}
	return h.remove(a.Path)
}
