package deps

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"hash"
	"io"
	"io/fs"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Bounds of a repository's metadata, in bytes. ALT's largest branch packs to
// some 20 MB.
const (
	maxIndex    = 1 << 20
	maxPrimary  = 128 << 20
	maxElement  = 8 << 20 // one package, unpacked
	maxUnpacked = 4 << 30 // all of them
	maxPackages = 200_000 // in all
	maxListed   = 10_000  // with pinned names
)

const indexFile = "repodata/repomd.xml"

// A listed is a package as a repository's metadata have it.
type listed struct {
	name     string
	evr      evr
	source   bool
	file     string // below the repository
	digest   checksum
	provides []string
}

// A checksum is a digest and its kind, in createrepo_c's words.
type checksum struct {
	Kind  string `xml:"type,attr"`
	Value string `xml:",chardata"`
}

// hash returns the function that makes such checksums.
func (c checksum) hash() (hash.Hash, error) {
	switch c.Kind {
	case "sha256":
		return sha256.New(), nil
	case "sha384":
		return sha512.New384(), nil
	case "sha512":
		return sha512.New(), nil
	default:
		return nil, message.Errorf("checksums of the kind %.20q are not trusted", c.Kind)
	}
}

// compare sees whether what h has read has this checksum. The error wraps
// errAltered.
func (c checksum) compare(h hash.Hash) error {
	if found := hex.EncodeToString(h.Sum(nil)); found != c.Value {
		return message.Errorf("%w: its %s is %s, but the metadata say %.128q", errAltered, c.Kind, found, c.Value)
	}
	return nil
}

// A repoIndex is repodata/repomd.xml.
type repoIndex struct {
	Data []struct {
		Kind     string   `xml:"type,attr"`
		Checksum checksum `xml:"checksum"`
		Location struct {
			Href string `xml:"href,attr"`
		} `xml:"location"`
	} `xml:"data"`
}

// readMetadata lists the packages of a repository that provide one of the
// wanted names. The error is fs.ErrNotExist when it has no metadata.
func readMetadata(ctx context.Context, p place, wanted map[string]bool) ([]listed, error) {
	data, err := readWhole(ctx, p, indexFile, maxIndex)
	if err != nil {
		return nil, err
	}
	var index repoIndex
	if err := xml.Unmarshal(data, &index); err != nil {
		return nil, message.Errorf("reading %s: %w", indexFile, err)
	}
	for _, d := range index.Data {
		if d.Kind == "primary" {
			return readPrimary(ctx, p, d.Location.Href, d.Checksum, wanted)
		}
	}
	return nil, message.Errorf("reading %s: it does not name the primary metadata", indexFile)
}

func readPrimary(ctx context.Context, p place, name string, sum checksum, wanted map[string]bool) ([]listed, error) {
	data, err := readWhole(ctx, p, name, maxPrimary)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, message.Errorf("%s names a file that does not exist: %s", indexFile, err)
	}
	if err != nil {
		return nil, err
	}
	h, err := sum.hash()
	if err != nil {
		return nil, err
	}
	h.Write(data)
	if err := sum.compare(h); err != nil {
		return nil, message.Errorf("%q: %w", name, err)
	}
	plain, err := unpack(data)
	if err != nil {
		return nil, message.Errorf("unpacking %q: %w", name, err)
	}
	all, err := parsePrimary(ctx, plain, wanted)
	if err != nil {
		err = message.Errorf("reading %q: %w", name, err)
	}
	return all, errors.Join(err, plain.Close())
}

// readWhole reads a file of at most size bytes.
func readWhole(ctx context.Context, p place, name string, size int64) ([]byte, error) {
	file, err := p.open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(bounded(file, size))
	if err != nil {
		err = message.Errorf("reading %q: %w", name, err)
	}
	return data, errors.Join(err, file.Close())
}

// A primaryPackage is a package element of primary.xml.
// Source: createrepo_c's doc and src/xml_dump_primary.c.
type primaryPackage struct {
	Name    string `xml:"name"`
	Arch    string `xml:"arch"`
	Version struct {
		Epoch   string `xml:"epoch,attr"`
		Version string `xml:"ver,attr"`
		Release string `xml:"rel,attr"`
	} `xml:"version"`
	Checksum checksum `xml:"checksum"`
	Location struct {
		Href string `xml:"href,attr"`
	} `xml:"location"`
	Provides []struct {
		Name string `xml:"name,attr"`
	} `xml:"format>provides>entry"`
}

// parsePrimary reads the packages one by one, each within its bounds.
func parsePrimary(ctx context.Context, r io.ReadCloser, wanted map[string]bool) ([]listed, error) {
	element := &boundedReader{bounded(r, maxUnpacked), maxElement}
	decoder := xml.NewDecoder(element)
	var all []listed
	for packages := 0; packages <= maxPackages; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "package" {
			continue
		}
		element.left = maxElement
		var p primaryPackage
		if err := decoder.DecodeElement(&p, &start); err != nil {
			return nil, err
		}
		packages++
		if one := p.listed(wanted); len(one.provides) > 0 {
			all = append(all, one)
		}
		if len(all) > maxListed {
			break
		}
	}
	return nil, message.Errorf("%w: more than %d packages, or %d with pinned names", errTooBig, maxPackages, maxListed)
}

// listed keeps what is wanted of a package.
func (p primaryPackage) listed(wanted map[string]bool) listed {
	one := listed{
		name: p.Name, evr: parseEVR(p.Version.Version + "-" + p.Version.Release),
		source: p.Arch == "src" || p.Arch == "nosrc",
		file:   p.Location.Href, digest: p.Checksum,
	}
	one.evr.epoch = p.Version.Epoch
	for _, provided := range p.Provides {
		if wanted[provided.Name] && !slices.Contains(one.provides, provided.Name) {
			one.provides = append(one.provides, provided.Name)
		}
	}
	return one
}
