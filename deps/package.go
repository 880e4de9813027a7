package deps

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cavaliergopher/rpm"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Tags of the header. Source: rpm's include/rpm/rpmtag.h.
const (
	tagProvideName     = 1047
	tagConflictFlags   = 1053
	tagConflictName    = 1054
	tagConflictVersion = 1055
	tagSourcePackage   = 1106
	tagProvideFlags    = 1112
	tagProvideVersion  = 1113
)

const (
	leadSize = 96
	maxName  = 256 // bytes of a package's name, or of its version
)

// A contents is what an RPM says of itself.
type contents struct {
	name      string
	evr       evr
	source    bool // a source package: nothing to install
	provides  []provide
	conflicts []relation
}

func (c contents) providesAny(wanted map[string]bool) bool {
	return slices.ContainsFunc(c.provides, func(p provide) bool { return wanted[p.name] })
}

// readPackage reads an RPM, checks it against its own digests, and gives
// what it says. When nothing but the payload is not as its digest says, that
// comes with the error. A payload is skipped where the header has a
// digest of its own and provides nothing that is wanted. The error wraps
// errNotRPM, errTruncated or errAltered, or is r's own.
func readPackage(r io.Reader, wanted map[string]bool) (contents, error) {
	lead, err := take(r, leadSize)
	if err != nil {
		return contents{}, err
	}
	if !bytes.HasPrefix(lead, []byte{0xed, 0xab, 0xee, 0xdb}) {
		return contents{}, errNotRPM
	}
	signature, err := readSection(r)
	if err == nil {
		err = signature.index()
	}
	if err != nil {
		return contents{}, err
	}
	padding, err := take(r, -len(signature.raw)&7)
	if err != nil {
		return contents{}, err
	}
	header, err := readSection(r)
	if err != nil {
		return contents{}, err
	}
	vouched, err := checkHeader(signature, header)
	if err == nil {
		err = header.index()
	}
	if err == nil && !vouched {
		err = checkPayload(r, signature, header)
	}
	if err != nil {
		return contents{}, err
	}
	c, err := parse(bytes.Join([][]byte{lead, signature.raw, padding, header.raw}, nil))
	if err == nil && vouched && c.providesAny(wanted) {
		err = checkPayload(r, signature, header)
	}
	return c, err
}

// parse returns what checked headers say. cavaliergopher/rpm makes slices of
// the sizes that it reads, and indexes lists by each other's lengths: the
// first is safe after readSection, the second is done here instead.
func parse(headers []byte) (contents, error) {
	p, err := rpm.Read(bytes.NewReader(headers))
	if err != nil {
		return contents{}, message.Errorf("%w: %w", errAltered, err)
	}
	c := contents{
		name:   p.Name(),
		evr:    evr{version: p.Version(), release: p.Release()},
		source: p.Header.GetTag(tagSourcePackage) != nil,
	}
	if epoch := p.Epoch(); epoch != 0 {
		c.evr.epoch = fmt.Sprint(epoch)
	}
	if !wellNamed(c.name, c.evr.String()) {
		return contents{}, message.Errorf("%w: not a valid package name and version: %.40q %.40q", errAltered, c.name, c.evr)
	}
	if c.provides, err = provides(p); err != nil {
		return c, err
	}
	c.conflicts, err = relations(p, "conflicts with", tagConflictName, tagConflictFlags, tagConflictVersion)
	return c, err
}

// provides returns the names that a package stands for.
func provides(p *rpm.Package) ([]provide, error) {
	relations, err := relations(p, "provides", tagProvideName, tagProvideFlags, tagProvideVersion)
	var all []provide
	for _, r := range relations {
		one := provide{name: r.name}
		if r.sense&rpm.DepFlagEqual != 0 {
			one.version = r.version
		}
		all = append(all, one)
	}
	return all, err
}

// relations reads three parallel lists of a header.
func relations(p *rpm.Package, verb string, nameTag, flagsTag, versionTag int) ([]relation, error) {
	names := p.Header.GetTag(nameTag).StringSlice()
	flags := p.Header.GetTag(flagsTag).Int64Slice()
	versions := p.Header.GetTag(versionTag).StringSlice()
	if len(names) != len(flags) || len(names) != len(versions) {
		return nil, message.Errorf("%w: it %s %d names with %d versions", errAltered, verb, len(names), len(versions))
	}
	var all []relation
	for i, name := range names {
		all = append(all, relation{name, flags[i], versions[i]})
	}
	return all, nil
}

// wellNamed tells what rpm would have let through, and a terminal may print.
func wellNamed(words ...string) bool {
	for _, word := range words {
		if word == "" || len(word) > maxName || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return false
		}
	}
	return true
}
