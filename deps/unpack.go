package deps

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"

	"github.com/alt-cloud/podsec-k8s/message"
)

// maxWindow is how much memory, in bytes, unpacking may take. createrepo_c's
// files need at most 8 MiB.
const maxWindow = 64 << 20

// unpack reads packed data, told by how it begins. Data that is not packed
// is taken as it is.
func unpack(data []byte) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return gzip.NewReader(bytes.NewReader(data))
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return r.IOReadCloser(), nil
	case bytes.HasPrefix(data, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return unpackXZ(data)
	default:
		return io.NopCloser(bytes.NewReader(data)), nil
	}
}

var errXZ = message.New("it is not an xz file of one simple block")

// unpackXZ reads the one block that createrepo_c writes. ulikunitz/xz would
// take as much memory as the block asks for, up to 4 GiB; lzma.Reader2 takes
// what it is given. The file's checks are left out, for its digest has been
// compared already.
// Source: the .xz file format, version 1.2.1, section 3.
func unpackXZ(data []byte) (io.ReadCloser, error) {
	const streamHeader, hasPackedSize, hasSize = 12, 0x40, 0x80
	if len(data) <= streamHeader || data[streamHeader] == 0 {
		return nil, errXZ
	}
	block := data[streamHeader:]
	size := (int(block[0]) + 1) * 4
	if len(block) < size {
		return nil, errXZ
	}
	header, flags := block[2:size], block[1]
	for _, field := range []byte{hasPackedSize, hasSize} {
		if flags&field == 0 {
			continue
		}
		_, n := binary.Uvarint(header)
		if n <= 0 {
			return nil, errXZ
		}
		header = header[n:]
	}
	if flags&^(hasPackedSize|hasSize) != 0 || len(header) < 3 || header[0] != 0x21 || header[1] != 1 {
		return nil, errXZ
	}
	window, err := lzma.DecodeDictCap(header[2])
	if err != nil || window > maxWindow {
		return nil, message.Errorf("%w: it needs too much memory, %d bytes", errTooBig, window)
	}
	r, err := lzma.Reader2Config{DictCap: int(window)}.NewReader2(bytes.NewReader(block[size:]))
	if err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}
