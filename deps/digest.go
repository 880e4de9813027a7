package deps

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Tags of an RPM's sizes and digests. Source: rpm's include/rpm/rpmtag.h.
const (
	sigSHA1    = 269  // hex, of the header
	sigSize64  = 270  // bytes of header and payload
	sigSHA256  = 273  // hex, of the header
	sigSize    = 1000 // as sigSize64
	sigMD5     = 1004 // of header and payload; before rpm 4.14 the payload had no other
	tagPayload = 5092 // hex, of the payload
	tagAlgo    = 5093 // the algorithm of tagPayload
	algoSHA256 = 8    // Source: RFC 4880, section 9.4
)

// A digest is compared with the one that a package carries.
type digest struct {
	of         string
	told, real string // hex; told is "" where the package carries none
}

// checkHeader compares a header with the digests in the signature. vouched
// is false when there are none.
func checkHeader(signature, header section) (vouched bool, err error) {
	long, short := sha256.Sum256(header.raw), sha1.Sum(header.raw)
	return compareDigests([]digest{
		{"the header's SHA-256", signature.text(sigSHA256), hex.EncodeToString(long[:])},
		{"the header's SHA-1", signature.text(sigSHA1), hex.EncodeToString(short[:])},
	})
}

// checkPayload reads the payload, which is the rest of r, and compares it
// with what signature and header say of it.
func checkPayload(r io.Reader, signature, header section) error {
	whole, payload := md5.New(), sha256.New()
	whole.Write(header.raw)
	size, err := io.Copy(io.MultiWriter(whole, payload), r)
	if err != nil {
		return err
	}
	digests := []digest{
		{"the MD5 of header and payload", hex.EncodeToString(signature.bytes(sigMD5)), hex.EncodeToString(whole.Sum(nil))},
	}
	if algo, ok := header.number(tagAlgo); ok && algo == algoSHA256 {
		digests = append(digests, digest{"the payload's SHA-256", header.text(tagPayload), hex.EncodeToString(payload.Sum(nil))})
	}
	vouched, err := compareDigests(digests)
	if err == nil && !vouched {
		err = message.Errorf("%w: it has no digest of its payload", errAltered)
	}
	return checkSize(signature, size+int64(len(header.raw)), err)
}

// checkSize tells a package that was cut off from one that was changed.
func checkSize(signature section, size int64, err error) error {
	told, ok := signature.number(sigSize)
	if !ok {
		told, ok = signature.number(sigSize64)
	}
	switch {
	case !ok || told == size:
		return err
	case told > size && err != nil:
		return message.Errorf("%w: only %d of %d bytes of header and payload are there", errTruncated, size, told)
	default:
		return message.Errorf("%w: header and payload are %d bytes long, but its signature says %d", errAltered, size, told)
	}
}

// compareDigests compares those that the package carries. vouched says that
// there was one.
func compareDigests(all []digest) (vouched bool, err error) {
	for _, d := range all {
		if d.told != "" && d.told != d.real {
			return false, message.Errorf("%w: %s is %s, not %.128q", errAltered, d.of, d.real, d.told)
		}
		vouched = vouched || d.told != ""
	}
	return vouched, nil
}
