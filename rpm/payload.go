package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// relativeNames returns a package whose payload is packed by xz and has its
// files' names as rpm writes them, "./usr/bin/…", and the bytes of the payload
// before it was packed. rpmpack writes absolute ones: who unpacks such a file
// with cpio as root writes to the machine's own folders.
// The header holds the digest of the payload, which is put right.
// Source: rpm's lib/rpmfi.c and lib/cpio.c.
func relativeNames(file []byte) (repacked []byte, unpacked int, err error) {
	_, start, err := starts(file)
	if err != nil {
		return nil, 0, err
	}
	archive, err := renamed(file[start:])
	if err != nil {
		return nil, 0, fmt.Errorf("renaming the files of the payload: %w", err)
	}
	payload, err := compress(archive)
	if err != nil {
		return nil, 0, fmt.Errorf("packing the payload: %w", err)
	}
	was, is := digestOf(file[start:]), digestOf(payload)
	if bytes.Count(file[:start], was) != 1 {
		return nil, 0, errors.New("the header does not hold the payload's digest")
	}
	return append(bytes.Replace(file[:start], was, is, 1), payload...), len(archive), nil
}

func digestOf(data []byte) []byte {
	sum := sha256.Sum256(data)
	return []byte(hex.EncodeToString(sum[:]))
}

// renamed reads rpmpack's payload, and writes it with relative names.
func renamed(payload []byte) ([]byte, error) {
	plain, err := gzip.NewReader(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	from, to := cpio.NewReader(plain), cpio.NewWriter(&out)
	for {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			err := to.Close() // writes the trailer
			return out.Bytes(), err
		}
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(from)
		if err != nil {
			return nil, err
		}
		if header.Linkname != "" { // the reader has taken it from the body
			body = []byte(header.Linkname)
		}
		header.Name = "./" + strings.TrimPrefix(header.Name, "/")
		header.Size, header.Linkname = int64(len(body)), ""
		if err := to.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := to.Write(body); err != nil {
			return nil, err
		}
	}
}
