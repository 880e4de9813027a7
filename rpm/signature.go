package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// Tags of the signature header that rpm 4.13 knows. Any other one, such as
// the SHA-256 of the header that newer ones write, makes its rpm -K say NOT
// OK. The payload's SHA-256 is in the main header.
// Source: rpm 4.13's lib/rpmchecksig.c and lib/signature.c, rpmSigInfoParse.
const (
	sigRegion      = 62
	sigRSA         = 268  // signature of the header
	sigSHA1        = 269  // hex, of the header
	sigSize        = 1000 // bytes of header and payload
	sigPGP         = 1002 // signature of header and payload
	sigMD5         = 1004 // of header and payload
	sigPayloadSize = 1007 // bytes of the payload, unpacked
)

// Kinds of entries. Source: rpm's docs/manual/format_header.md.
const (
	kindInt32  = 4
	kindString = 6
	kindBinary = 7
)

const (
	leadSize  = 96
	introSize = 16
	entrySize = 16
)

// A Signer makes an OpenPGP signature of data.
type Signer func(data []byte) ([]byte, error)

// vouchedFor returns a package with the signature header that rpm 4.13 writes
// in the place of its own. unpacked is the bytes of the unpacked payload.
func vouchedFor(file []byte, unpacked int, sign Signer) ([]byte, error) {
	start, payload, err := starts(file)
	if err != nil {
		return nil, err
	}
	header, whole := file[start:payload], file[start:]
	entries, err := digests(header, whole, uint32(unpacked), sign)
	if err != nil {
		return nil, err
	}
	signature := packHeader(sigRegion, entries)
	return bytes.Join([][]byte{file[:leadSize], signature, make([]byte, -len(signature)&7), whole}, nil), nil
}

// A headerEntry is a tag of a header with its value.
type headerEntry struct {
	tag, kind, count int
	data             []byte
}

func number(tag int, value uint32) headerEntry {
	return headerEntry{tag, kindInt32, 1, binary.BigEndian.AppendUint32(nil, value)}
}

func binaryEntry(tag int, data []byte) headerEntry {
	return headerEntry{tag, kindBinary, len(data), data}
}

// digests lists what vouches for a package, in the order of the tags.
func digests(header, whole []byte, unpacked uint32, sign Signer) ([]headerEntry, error) {
	short, all := sha1.Sum(header), md5.Sum(whole)
	entries := []headerEntry{
		{sigSHA1, kindString, 1, append([]byte(hex.EncodeToString(short[:])), 0)},
		number(sigSize, uint32(len(whole))),
		binaryEntry(sigMD5, all[:]),
		number(sigPayloadSize, unpacked),
	}
	if sign == nil {
		return entries, nil
	}
	ofHeader, err := sign(header)
	ofWhole, err2 := sign(whole)
	if err := errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("signing the package: %w", err)
	}
	return []headerEntry{
		binaryEntry(sigRSA, ofHeader), entries[0], entries[1], binaryEntry(sigPGP, ofWhole), entries[2], entries[3],
	}, nil
}

// packHeader writes a header whose entries are all in one region.
// Source: rpm's docs/manual/format_header.md.
func packHeader(region int, entries []headerEntry) []byte {
	var table, data []byte
	for _, e := range entries {
		if e.kind == kindInt32 {
			data = append(data, make([]byte, -len(data)&3)...)
		}
		table = appendEntry(table, e.tag, e.kind, len(data), e.count)
		data = append(data, e.data...)
	}
	first := appendEntry(nil, region, kindBinary, len(data), entrySize)
	data = appendEntry(data, region, kindBinary, -entrySize*(len(entries)+1), entrySize)
	out := []byte{0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0}
	out = binary.BigEndian.AppendUint32(out, uint32(len(entries)+1))
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	return bytes.Join([][]byte{out, first, table, data}, nil)
}

func appendEntry(to []byte, values ...int) []byte {
	for _, v := range values {
		to = binary.BigEndian.AppendUint32(to, uint32(int32(v)))
	}
	return to
}

// starts returns where a package's header and its payload begin.
func starts(file []byte) (header, payload int, err error) {
	signature, err := headerSize(file, leadSize)
	if err != nil {
		return 0, 0, err
	}
	header = leadSize + signature + -signature&7
	size, err := headerSize(file, header)
	return header, header + size, err
}

// headerSize returns the bytes of the header at a place, without padding.
func headerSize(file []byte, at int) (int, error) {
	if len(file) < at+introSize {
		return 0, fmt.Errorf("the package ends before its header at %d", at)
	}
	count, size := binary.BigEndian.Uint32(file[at+8:]), binary.BigEndian.Uint32(file[at+12:])
	all := introSize + int(count)*entrySize + int(size)
	if len(file) < at+all {
		return 0, fmt.Errorf("the package ends within its header at %d", at)
	}
	return all, nil
}
