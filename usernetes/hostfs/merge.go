package hostfs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
)

// madeLimit bounds what is read of a host's file, bytes.
const madeLimit = 1 << 20

// memoryBase is where the view has the folder in memory: over a folder of the
// host's that nobody needs there.
const memoryBase = "/sys"

// Start merges the folders in the mount namespace of this process. It is for
// the first process of the node, before others run: it takes mount points
// that are left of an earlier run for its own.
func Start(o Options) (*Merge, error) {
	v, err := newView()
	if err != nil {
		return nil, err
	}
	m := &Merge{Options: o, view: v, starting: true}
	for _, f := range o.Folders {
		p := &part{Folder: f, base: f.Base, placed: map[string]role{}}
		if f.Base == "" {
			p.base = memoryBase
			v.do(func() { err = unix.Mount("tmpfs", memoryBase, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755") })
			if err != nil {
				return nil, message.Errorf("creating %s: %w", f.Path, err)
			}
		}
		m.parts = append(m.parts, p)
	}
	// All are seen before the first is filled: none is filled below another's.
	for _, p := range m.parts {
		if problem := m.ensureBase(p); problem != nil {
			slog.Warn("a folder of the host's is not merged", "folder", p.Path, "why", problem.Fault)
		}
	}
	m.sync()
	m.starting = false
	return m, nil
}

// sync brings all folders in line with the host.
func (m *Merge) sync() {
	var problems []Problem
	for _, p := range m.parts {
		problems = append(problems, m.syncFolder(p)...)
	}
	for _, f := range m.Files {
		problem, err := m.makeFile(f)
		if err != nil {
			problem = &Problem{Path: f.Path, Fault: message.OfError(err)}
		}
		if problem != nil {
			problems = append(problems, *problem)
		}
	}
	if err := m.Keep(); err != nil {
		problems = append(problems, Problem{Fault: message.OfError(err)})
	}
	m.report(problems)
}

// report tells of problems that are new, and all of them to whom it concerns.
func (m *Merge) report(problems []Problem) {
	if !m.starting && slices.EqualFunc(problems, m.problems, Problem.same) {
		return
	}
	for _, p := range problems {
		if !slices.ContainsFunc(m.problems, p.same) {
			slog.Warn(p.Fault.String(), "path", p.Path, "remedy", p.Remedy)
		}
	}
	m.problems = problems
	if err := m.Report(problems); err != nil {
		slog.Error("telling of the host's folders", "error", err)
	}
}

// ensureBase mounts the node's own folder over the host's, unless it is there.
func (m *Merge) ensureBase(p *part) *Problem {
	if nested(p.Folder, m.Folders) {
		return nil
	}
	var own, seen unix.Stat_t
	var err error
	m.view.do(func() { err = unix.Stat(p.base, &own) })
	if err == nil {
		err = unix.Stat(p.Path, &seen)
	}
	if err == nil && (own.Dev != seen.Dev || own.Ino != seen.Ino) {
		err = m.view.show(p.base, p.Path, true)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return &Problem{
			Path:   p.Path,
			Fault:  message.Of("the host has no %s, so the node has none", p.Path),
			Remedy: message.Of("create it: mkdir %s", p.Path),
		}
	default:
		return &Problem{Path: p.Path, Fault: message.OfError(err)}
	}
}

func (m *Merge) syncFolder(p *part) (problems []Problem) {
	if problem := m.ensureBase(p); problem != nil {
		return []Problem{*problem}
	}
	theirs, problem := m.look(p)
	if problem != nil {
		problems = append(problems, *problem)
	}
	theirs, left := bounded(theirs)
	if left > 0 {
		problems = append(problems, tooMany(p.Folder, left))
	}
	ours, err := m.lookInNode(p, theirs)
	if err != nil {
		return append(problems, Problem{Path: p.Path, Fault: message.OfError(err)})
	}
	steps, both := decide(func(name string) bool { return p.owns(name, m.Folders) }, theirs, ours)
	for _, name := range both {
		problems = append(problems, clash(p.Folder, name))
	}
	for _, s := range steps {
		if err := m.do(p, s, theirs[s.name], ours[s.name]); err != nil {
			problems = append(problems, Problem{Path: filepath.Join(p.Path, s.name), Fault: message.OfError(err)})
		}
	}
	return problems
}

// look lists what the host has in a folder, as far as u7s-admin may.
func (m *Merge) look(p *part) (theirs map[string]hostEntry, problem *Problem) {
	var err error
	m.view.do(func() { theirs, err = onHost(p.Path) })
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return theirs, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, &Problem{
			Path:   p.Path,
			Fault:  message.Of(units.Admin+" cannot read the host's %s, so the node does not see it", p.Path),
			Remedy: message.Of("make it accessible: chmod o+rx %s", p.Path),
		}
	default:
		return nil, &Problem{Path: p.Path, Fault: message.OfError(err)}
	}
}

// lookInNode looks at what the node has of its own under the host's names, and
// at its mount points: at the start those of an earlier run, which are anywhere.
func (m *Merge) lookInNode(p *part, theirs map[string]hostEntry) (ours map[string]nodeEntry, err error) {
	candidates := slices.AppendSeq(slices.Collect(maps.Keys(theirs)), maps.Keys(p.placed))
	roleOf := func(name string, _ nodeEntry, _ unix.Statx_t) role { return p.placed[name] }
	m.view.do(func() {
		if m.starting {
			candidates, err = names(p.base)
			roleOf = roleAtStart
		}
		ours = inNode(p.base, candidates, roleOf)
	})
	if err != nil {
		return nil, message.Errorf("checking the node's own %s: %w", p.Path, err)
	}
	for name, e := range ours {
		e.seen = e.id
		if s, err := status(filepath.Join(p.Path, name)); err == nil {
			e.seen = identityOf(s)
		}
		if ours[name] = e; e.role == stub {
			p.placed[name] = stub
		}
	}
	return ours, nil
}

// do makes one change. That the host's entry has gone meanwhile is no fault:
// the next look finds it so.
func (m *Merge) do(p *part, s step, h hostEntry, n nodeEntry) error {
	own, seen := filepath.Join(p.base, s.name), filepath.Join(p.Path, s.name)
	if !m.starting {
		slog.Info("the host's files", "path", seen, "now", s.do)
	}
	var err error
	switch s.do {
	case add:
		err = m.add(p, s.name, h)
	case cover:
		err = m.cover(p, s.name, h, n)
	case renew:
		err = errors.Join(m.view.take(own), m.add(p, s.name, h))
	case remove:
		delete(p.placed, s.name)
		return m.view.take(own)
	case uncover, release:
		delete(p.placed, s.name)
		err = unmountAll(seen)
	}
	if s.do == release && n.role == stub {
		err = errors.Join(err, m.view.open(own, n.kind))
	}
	if m.starting || h.kind == link {
		return err
	}
	_, shown := p.placed[s.name]
	return errors.Join(err, m.spread(p, s.name, shown))
}

func (m *Merge) add(p *part, name string, h hostEntry) error {
	if err := m.view.place(p.base, name, h); err != nil {
		return message.Errorf("creating a mount point: %w", err)
	}
	p.placed[name] = stub
	if h.kind == link {
		return nil
	}
	path := filepath.Join(p.Path, name)
	err := m.view.show(path, path, false)
	if err == nil {
		return nil
	}
	delete(p.placed, name)
	err = errors.Join(err, m.view.take(filepath.Join(p.base, name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// cover mounts what the host has now. Where what was mounted before can't be
// taken off, since the host has mounted something on it, the mount point is
// made anew.
func (m *Merge) cover(p *part, name string, h hostEntry, n nodeEntry) error {
	path := filepath.Join(p.Path, name)
	if err := unmountAll(path); err != nil {
		return err
	}
	if s, err := status(path); err == nil && identityOf(s) != n.id && n.role == stub {
		return errors.Join(m.view.take(filepath.Join(p.base, name)), m.add(p, name, h))
	}
	p.placed[name] = n.role
	if err := m.view.show(path, path, false); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// makeFile writes a file of the node's anew when it has to be another. A file
// of the host's that can't be read is as if there were none.
func (m *Merge) makeFile(f MadeFile) (*Problem, error) {
	in := slices.IndexFunc(m.parts, func(p *part) bool { return p.Path == filepath.Dir(f.Path) })
	own := filepath.Join(m.parts[in].base, filepath.Base(f.Path))
	var theirs, now []byte
	var unread, err error
	m.view.do(func() {
		theirs, unread = readSome(f.Path)
		now, _ = readSome(own) // there is none at first
		if wanted := f.Make(theirs); now == nil || !bytes.Equal(now, wanted) {
			err = host.WriteFile(own, wanted, 0o644)
		}
	})
	if unread != nil && !errors.Is(unread, fs.ErrNotExist) {
		err = errors.Join(err, message.Errorf("reading the host's file: %w", unread))
	}
	return f.Check(theirs), err
}

// readSome reads a regular file; what else is there is as if there were none.
func readSome(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > madeLimit {
		return nil, err
	}
	return os.ReadFile(path)
}

// End waits until nothing is followed any more, ctx of Follow being done, and
// takes the mount points away that are on disk.
func (m *Merge) End(ctx context.Context) error {
	select {
	case <-m.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	var faults []error
	for _, p := range m.parts {
		if p.Base != "" {
			faults = append(faults, m.takeAll(p))
		}
	}
	return errors.Join(faults...)
}

// takeAll takes the mount points of a folder away in which nobody has put data.
func (m *Merge) takeAll(p *part) error {
	ours, err := m.lookInNode(p, nil)
	faults := []error{err}
	for name, e := range ours {
		if e.role == stub && e.hollow {
			faults = append(faults, m.view.take(filepath.Join(p.base, name)))
		}
	}
	return errors.Join(faults...)
}
