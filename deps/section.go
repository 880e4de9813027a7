package deps

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Bounds of an RPM's two headers. rpm itself writes at most a few thousand
// entries; cavaliergopher/rpm refuses data above 32 MiB.
const (
	maxEntries     = 1 << 16
	maxSectionData = 32 << 20
	introSize      = 16
	entrySize      = 16
)

// A section is one of the two headers of an RPM: the signature and the
// metadata. After index its entries are known to lie inside its data, and not to
// overlap, so that reading all of them costs no more than the file's size.
// Source: rpm's docs/manual/format_header.md.
type section struct {
	raw     []byte // all of it, without padding
	table   []byte // what the entries are made of
	data    []byte
	entries map[uint32]sectionEntry
}

type sectionEntry struct{ kind, offset, count uint32 }

var (
	errTruncated = message.New("truncated")
	errAltered   = message.New("altered")
	errNotRPM    = message.New("not an RPM")
)

// readSection takes a header from r; its entries are read by index. The error
// wraps errTruncated when r ends too early, and errAltered for what no rpm
// has written.
func readSection(r io.Reader) (section, error) {
	intro, err := take(r, introSize)
	if err != nil {
		return section{}, err
	}
	if !bytes.Equal(intro[:4], []byte{0x8e, 0xad, 0xe8, 0x01}) {
		return section{}, message.Errorf("%w: a header has no valid beginning", errAltered)
	}
	count, size := binary.BigEndian.Uint32(intro[8:]), binary.BigEndian.Uint32(intro[12:])
	if count > maxEntries || size > maxSectionData {
		return section{}, message.Errorf("%w: a header of %d entries and %d bytes", errAltered, count, size)
	}
	rest, err := take(r, int(count)*entrySize+int(size))
	if err != nil {
		return section{}, err
	}
	return section{append(intro, rest...), rest[:count*entrySize], rest[count*entrySize:], make(map[uint32]sectionEntry)}, nil
}

// index reads the entries, and sees that they share no data. The error wraps
// errAltered.
func (s section) index() error {
	budget := len(s.data)
	for table := s.table; len(table) > 0; table = table[entrySize:] {
		tag := binary.BigEndian.Uint32(table)
		e := sectionEntry{
			binary.BigEndian.Uint32(table[4:]), binary.BigEndian.Uint32(table[8:]), binary.BigEndian.Uint32(table[12:]),
		}
		size, ok := e.size(s.data, budget)
		if _, twice := s.entries[tag]; twice || !ok {
			return message.Errorf("%w: entry %d of a header is outside its bounds", errAltered, tag)
		}
		budget -= size
		s.entries[tag] = e
	}
	return nil
}

// Kinds of entries that are read here. Source: rpm's include/rpm/rpmtag.h.
const (
	kindInt32       = 4
	kindInt64       = 5
	kindString      = 6
	kindBinary      = 7
	kindStringArray = 8
	kindI18NString  = 9
)

// size returns how many bytes of data an entry has, when they are at most
// budget and all there.
func (e sectionEntry) size(data []byte, budget int) (int, bool) {
	if e.count == 0 || uint64(e.offset) >= uint64(len(data)) {
		return 0, false
	}
	data = data[e.offset:min(len(data), int(e.offset)+budget)]
	switch e.kind {
	case kindString, kindStringArray, kindI18NString:
		return stringsSize(data, e.count)
	}
	widths := [...]uint64{1: 1, 2: 1, 3: 2, kindInt32: 4, kindInt64: 8, kindBinary: 1}
	if e.kind == 0 || int(e.kind) >= len(widths) || widths[e.kind] == 0 {
		return 0, false
	}
	size := widths[e.kind] * uint64(e.count)
	return int(size), size <= uint64(len(data))
}

// stringsSize returns the length of that many strings, each ended by a zero.
func stringsSize(data []byte, count uint32) (int, bool) {
	size := 0
	for range count {
		end := bytes.IndexByte(data[size:], 0)
		if end < 0 {
			return 0, false
		}
		size += end + 1
	}
	return size, true
}

// text returns the first string of an entry, "" when there is none.
func (s section) text(tag uint32) string {
	e, ok := s.entries[tag]
	if !ok || (e.kind != kindString && e.kind != kindStringArray && e.kind != kindI18NString) {
		return ""
	}
	text, _, _ := bytes.Cut(s.data[e.offset:], []byte{0})
	return string(text)
}

// number returns the first number of an entry.
func (s section) number(tag uint32) (int64, bool) {
	e := s.entries[tag]
	switch e.kind {
	case kindInt32:
		return int64(binary.BigEndian.Uint32(s.data[e.offset:])), true
	case kindInt64:
		return int64(binary.BigEndian.Uint64(s.data[e.offset:])), true
	}
	return 0, false
}

// bytes returns the data of a binary entry.
func (s section) bytes(tag uint32) []byte {
	e := s.entries[tag]
	if e.kind != kindBinary {
		return nil
	}
	return s.data[e.offset : e.offset+e.count]
}

// take reads exactly n bytes, and no more memory than r has.
func take(r io.Reader, n int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return nil, err
	}
	if len(data) < n {
		return nil, message.Errorf("%w: it ends within a header", errTruncated)
	}
	return data, nil
}
