package deps

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A candidate is a package of a repository that provides a pinned name, or
// that can't be trusted.
type candidate struct {
	file      string // below the repository
	name      string
	evr       evr
	provides  []provide
	conflicts []relation
	fault     error
}

// readRepository finds the candidates of one repository, by its metadata, or
// without any by all RPM files of a folder.
func readRepository(ctx context.Context, repo string, wanted map[string]bool) ([]candidate, error) {
	p, err := openPlace(repo)
	if err != nil {
		return nil, err
	}
	defer p.Close() //nolint:errcheck // it was only read
	all, err := readMetadata(ctx, p, wanted)
	if errors.Is(err, fs.ErrNotExist) {
		return readFolder(ctx, p, wanted)
	}
	if err != nil {
		return nil, err
	}
	var found []candidate
	for _, one := range all {
		if one.source {
			continue
		}
		found = append(found, checkListed(ctx, p, one, wanted))
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// readFolder takes all packages of a place without metadata.
func readFolder(ctx context.Context, p place, wanted map[string]bool) ([]candidate, error) {
	files, err := p.packages()
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, message.New("it has neither repodata/repomd.xml nor any .rpm file")
	}
	var found []candidate
	for _, file := range files {
		c, err := openPackage(ctx, p, file, io.Discard, wanted)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err != nil || !c.source && c.providesAny(wanted) {
			found = append(found, newCandidate(file, c, err))
		}
	}
	return found, nil
}

func newCandidate(file string, c contents, fault error) candidate {
	if c.name == "" { // nothing in the file can be trusted, so its name has to do
		c.name = nameOf(file)
	}
	return candidate{file: file, name: c.name, evr: c.evr, provides: c.provides, conflicts: c.conflicts, fault: fault}
}

// nameOf cuts version, release and architecture off the name of an RPM file.
func nameOf(file string) string {
	name := path.Base(file)
	for range 2 {
		name = name[:max(0, strings.LastIndexByte(name, '-'))]
	}
	return name
}

// checkListed compares a package with what the metadata say of it.
func checkListed(ctx context.Context, p place, one listed, wanted map[string]bool) candidate {
	c, err := openListed(ctx, p, one, wanted)
	if err == nil && (c.name != one.name || c.evr.String() != one.evr.String()) {
		err = message.Errorf("%w: it is %s-%s, but the metadata say %.128q", errAltered, c.name, c.evr, one.name+"-"+one.evr.String())
	}
	if err == nil {
		return newCandidate(one.file, c, nil)
	}
	bad := candidate{file: one.file, name: one.name, evr: one.evr, fault: err}
	for _, name := range one.provides {
		bad.provides = append(bad.provides, provide{name: name})
	}
	return bad
}

func openListed(ctx context.Context, p place, one listed, wanted map[string]bool) (contents, error) {
	h, err := one.digest.hash()
	if err != nil {
		return contents{}, err
	}
	c, err := openPackage(ctx, p, one.file, h, wanted)
	if err != nil {
		return c, err
	}
	if !c.providesAny(wanted) {
		return c, message.Errorf("%w: it provides nothing of what the metadata list", errAltered)
	}
	return c, one.digest.compare(h)
}

// openPackage reads a package; all that was read goes to seen as well.
func openPackage(ctx context.Context, p place, file string, seen io.Writer, wanted map[string]bool) (contents, error) {
	r, err := p.open(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return contents{}, message.New("the file does not exist")
	}
	if err != nil {
		return contents{}, err
	}
	c, err := readPackage(io.TeeReader(r, seen), wanted)
	return c, errors.Join(err, r.Close())
}

// metBy reports whether a candidate provides what the relation speaks of.
func (r relation) metBy(c candidate) bool {
	return slices.ContainsFunc(c.provides, r.met)
}

// conflict reports whether one of two packages puts the other out.
func conflict(a, b candidate) bool {
	with := func(c candidate) func(relation) bool { return func(r relation) bool { return r.metBy(c) } }
	return slices.ContainsFunc(a.conflicts, with(b)) || slices.ContainsFunc(b.conflicts, with(a))
}
