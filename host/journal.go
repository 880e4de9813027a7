package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
)

// recordVersion is the form of the records that this program writes.
const recordVersion = 1

// A record is one change in the journal. It lists every form in which the
// change was made, the newest last: an upgrade may write a file anew, and
// power may fail in between.
type record struct {
	Version int
	Number  int
	Kind    string
	Key     string
	Changes []json.RawMessage
	Before  Before
}

// A journal is the records of a host, one file each.
type journal struct {
	host    *Host
	records []*record
}

func (h *Host) journalDir() string { return filepath.Join(h.State, "journal") }

// openJournal reads the journal; that there is none is no fault.
func openJournal(h *Host) (*journal, error) {
	j := &journal{host: h}
	entries, err := os.ReadDir(h.path(h.journalDir()))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, message.Errorf("reading the journal: %w", err)
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".json" {
			continue // what a power cut left of a write
		}
		r := &record{}
		if err := h.readJSON(filepath.Join(h.journalDir(), entry.Name()), r); err != nil {
			return nil, message.Errorf("reading the journal: %w", err)
		}
		if err := r.check(); err != nil {
			return nil, message.Errorf("reading the journal: %s: %w", entry.Name(), err)
		}
		j.records = append(j.records, r)
	}
	slices.SortFunc(j.records, func(a, b *record) int { return a.Number - b.Number })
	return j, nil
}

func (r *record) check() error {
	if r.Version != recordVersion || len(r.Changes) == 0 {
		return NewFault("install the newest podsec-k8s, which can read this journal",
			"unexpected record: version %d, changes: %d", r.Version, len(r.Changes))
	}
	return nil
}

// change is the newest form of the change.
func (r *record) change() (Change, error) {
	return decodeChange(r.Kind, r.Changes[len(r.Changes)-1])
}

func (r *record) file(h *Host) string {
	return filepath.Join(h.journalDir(), fmt.Sprintf("%04d-%s.json", r.Number, r.Kind))
}

// note records a change before it is made. A change made before keeps what
// was there before the first time. fresh tells that nothing was recorded of
// it yet.
func (j *journal) note(change Change) (r *record, fresh bool, err error) {
	data, err := json.Marshal(change)
	if err != nil {
		return nil, false, message.Errorf("writing the journal: %w", err)
	}
	at := slices.IndexFunc(j.records, func(r *record) bool { return r.Kind == change.Kind() && r.Key == change.Key() })
	if at >= 0 {
		r = j.records[at]
		if sameJSON(r.Changes[len(r.Changes)-1], data) {
			return r, false, nil
		}
		r.Changes = append(r.Changes, data)
		return r, false, j.write(r)
	}
	r = &record{Version: recordVersion, Number: j.next(), Kind: change.Kind(), Key: change.Key(), Changes: []json.RawMessage{data}}
	if r.Before, err = change.Record(j.host); err != nil {
		return nil, false, message.Errorf("recording the present state: %w", err)
	}
	if err := j.write(r); err != nil {
		return nil, false, err
	}
	j.records = append(j.records, r)
	return r, true, nil
}

// sameJSON compares two forms of a change, however they are indented.
func sameJSON(a, b []byte) bool {
	var compactA, compactB bytes.Buffer
	return json.Compact(&compactA, a) == nil && json.Compact(&compactB, b) == nil && bytes.Equal(compactA.Bytes(), compactB.Bytes())
}

func (j *journal) next() int {
	if len(j.records) == 0 {
		return 1
	}
	return j.records[len(j.records)-1].Number + 1
}

func (j *journal) write(r *record) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return message.Errorf("writing the journal: %w", err)
	}
	for _, dir := range []string{j.host.State, j.host.journalDir()} {
		if err := j.host.mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return message.Errorf("writing the journal: %w", err)
		}
	}
	if err := j.host.write(r.file(j.host), data, 0o600); err != nil {
		return message.Errorf("writing the journal: %w", err)
	}
	return nil
}
