package deps

import (
	"io"

	"github.com/alt-cloud/podsec-k8s/message"
)

// maxFileSize is how many bytes a package may have.
const maxFileSize = 4 << 30

var errTooBig = message.New("too big")

// A boundedReader fails once more than left bytes were read.
type boundedReader struct {
	io.ReadCloser
	left int64
}

func bounded(r io.ReadCloser, size int64) io.ReadCloser { return &boundedReader{r, size} }

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooBig
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
