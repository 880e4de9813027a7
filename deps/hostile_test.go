package deps

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// A rawEntry is an entry of a header as a file has it.
type rawEntry struct{ tag, kind, offset, count uint32 }

// rawSection makes the bytes of a header, true or not.
func rawSection(data string, entries ...rawEntry) []byte {
	out := []byte{0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0}
	out = binary.BigEndian.AppendUint32(out, uint32(len(entries)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	for _, e := range entries {
		for _, number := range []uint32{e.tag, e.kind, e.offset, e.count} {
			out = binary.BigEndian.AppendUint32(out, number)
		}
	}
	return append(out, data...)
}

// rawPackage makes an RPM whose digest of the header is right.
func rawPackage(header []byte) []byte {
	sum := sha256.Sum256(header)
	signature := rawSection(hex.EncodeToString(sum[:])+"\x00", rawEntry{sigSHA256, kindString, 0, 1})
	lead := append([]byte{0xed, 0xab, 0xee, 0xdb, 3, 0}, make([]byte, leadSize-6)...)
	return bytes.Join([][]byte{lead, signature, make([]byte, -len(signature)&7), header}, nil)
}

// TestHostilePackage has headers that rpm never writes, vouched for by
// digests of their own.
func TestHostilePackage(t *testing.T) {
	const named = "etcd\x001\x00alt1\x00"
	name := []rawEntry{{1000, kindString, 0, 1}, {1001, kindString, 5, 1}, {1002, kindString, 7, 1}}
	with := func(data string, more ...rawEntry) []byte {
		return rawPackage(rawSection(named+data, append(name[:3:3], more...)...))
	}
	huge := rawSection("")
	binary.BigEndian.PutUint32(huge[8:], 1<<31)
	for _, c := range []struct {
		name string
		file []byte
		want error
		text string
	}{
		{"harmless", with(""), nil, ""},
		{"no name", rawPackage(rawSection("")), errAltered, "not a valid package name"},
		{"name that commands a terminal", rawPackage(rawSection("\x1b[2J\x001\x00", rawEntry{1000, kindString, 0, 1}, rawEntry{1001, kindString, 5, 1})), errAltered, `"\x1b[2J"`},
		{"billions of entries", rawPackage(huge), errAltered, "a header of 2147483648 entries"},
		{"billions of numbers", with("", rawEntry{1028, kindInt32, 0, 1<<32 - 1}), errAltered, "entry 1028"},
		{"billions of strings", with("", rawEntry{1117, kindStringArray, 0, 1<<32 - 1}), errAltered, "entry 1117"},
		{"offset outside", with("", rawEntry{1028, kindInt32, 1 << 31, 1}), errAltered, "entry 1028"},
		{"number over the end", with("abc", rawEntry{1028, kindInt32, 12, 1}), errAltered, "entry 1028"},
		{"string without an end", with("abc", rawEntry{1004, kindString, 12, 1}), errAltered, "entry 1004"},
		{"string array cut off", with("a\x00b", rawEntry{1117, kindStringArray, 12, 2}), errAltered, "entry 1117"},
		{"shared data", with("", rawEntry{1004, kindString, 0, 1}), errAltered, "entry 1004"},
		{"entry twice", with("x\x00", rawEntry{1000, kindString, 12, 1}), errAltered, "entry 1000"},
		{"no values", with("", rawEntry{1028, kindInt32, 0, 0}), errAltered, "entry 1028"},
		{"unknown kind", with("abcd", rawEntry{1028, 77, 12, 1}), errAltered, "entry 1028"},
		{
			"names without versions", with("a\x00b\x00", rawEntry{tagProvideName, kindStringArray, 12, 2}),
			errAltered, "it provides 2 names with 0 versions",
		},
		{
			"names without flags", with("a\x00001\x00", rawEntry{tagProvideName, kindStringArray, 12, 1}, rawEntry{tagProvideVersion, kindStringArray, 14, 1}),
			errAltered, "it provides 1 names with 1 versions",
		},
		{
			"pinned name without a digest of the payload",
			with("a\x001\x00\x00\x00\x00\x08", rawEntry{tagProvideName, kindStringArray, 12, 1}, rawEntry{tagProvideVersion, kindStringArray, 14, 1}, rawEntry{tagProvideFlags, kindInt32, 16, 1}),
			errAltered, "no digest of its payload",
		},
		{"empty", nil, errTruncated, ""},
		{"lead only", with("")[:leadSize], errTruncated, ""},
		{"text", []byte(strings.Repeat("<html>", 20)), errNotRPM, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readPackage(bytes.NewReader(c.file), map[string]bool{"a": true})
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
}

func FuzzReadPackage(f *testing.F) {
	f.Add(rawPackage(rawSection("etcd\x001\x00", rawEntry{1000, kindString, 0, 1}, rawEntry{1001, kindString, 5, 1})), true)
	f.Add(rawSection("a\x001\x00\x00\x00\x00\x08", rawEntry{tagProvideName, kindStringArray, 0, 1}, rawEntry{tagProvideVersion, kindStringArray, 2, 1}, rawEntry{tagProvideFlags, kindInt32, 4, 1}), false)
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		if !whole { // a header behind a right digest: the library gets to read it
			data = rawPackage(data)
		}
		c, err := readPackage(bytes.NewReader(data), map[string]bool{"a": true})
		if err == nil && !wellNamed(c.name, c.evr.String()) {
			t.Errorf("package %q", c.name)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`<metadata><package><name>a</name><format><provides><entry name="a"/></provides></format></package></metadata>`))
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0})
	f.Add([]byte{0xfd, '7', 'z', 'X', 'Z', 0, 0, 4, 0, 0, 0, 0, 2, 0, 0x21, 1, 40})
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x58})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := unpack(data)
		if err != nil {
			return
		}
		defer r.Close()                                                                      //nolint:errcheck // in memory
		all, err := parsePrimary(t.Context(), bounded(r, 1<<20), map[string]bool{"a": true}) // errors are fine, panics are not
		if err == nil && len(all) > len(data) {
			t.Errorf("%d packages of %d bytes", len(all), len(data))
		}
	})
}

// TestHostileMetadata has what would fill the memory.
func TestHostileMetadata(t *testing.T) {
	endless := func(start, piece string) io.ReadCloser {
		return io.NopCloser(io.MultiReader(strings.NewReader(start), &repeat{text: piece}))
	}
	for _, c := range []struct {
		name string
		data io.ReadCloser
		want error
	}{
		{"endless text", endless("<metadata>", "x"), errTooBig},
		{"endless comment", endless("<metadata><!--", "x"), errTooBig},
		{"endless depth", endless("<metadata>", "<a>"), errTooBig},
		{"endless package", endless("<metadata><package>", "<file>x</file>"), errTooBig},
		{"endless candidates", endless("<metadata>", `<package><format><provides><entry name="a"/></provides></format></package>`), errTooBig},
		{"endless packages", endless("<metadata>", `<package></package>`), errTooBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := parsePrimary(t.Context(), c.data, map[string]bool{"a": true}); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// repeat reads as its text, for ever.
type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(p), nil
}

func TestHostileXZ(t *testing.T) {
	const magic = "\xfd7zXZ\x00\x00\x04\x00\x00\x00\x00"
	for _, c := range []struct{ name, data, want string }{
		{"4 GiB of memory", magic + "\x02\x00\x21\x01\x28" + strings.Repeat("\x00", 30), "it needs too much memory, 4294967295 bytes"},
		{"unknown size of memory", magic + "\x02\x00\x21\x01\xff" + strings.Repeat("\x00", 30), "too big"},
		{"another filter", magic + "\x02\x01\x03\x01\x28" + strings.Repeat("\x00", 30), "one simple block"},
		{"no block", magic + "\x00", "one simple block"},
		{"cut off", magic + "\x02\x00\x21", "one simple block"},
		{"endless number", magic + "\x02\x40" + strings.Repeat("\xff", 40), "one simple block"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := unpack([]byte(c.data)); err == nil || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
