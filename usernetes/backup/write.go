package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// sumSize is that of the last entry's content, a whole block: no byte of the file is
// without a meaning. Source: POSIX, pax, "ustar Interchange Format".
const sumSize = 512

// sumText is the content of the last entry.
func sumText(sum []byte) string {
	text := hex.EncodeToString(sum) + "  of everything before this line"
	return text + strings.Repeat(" ", sumSize-1-len(text)) + "\n"
}

// A Writer writes a backup: a tar archive whose first entry is the manifest and
// whose last one is the digest of all before it.
type Writer struct {
	tar     *tar.Writer
	sum     hash.Hash
	created time.Time
	left    []File
}

// NewWriter begins a backup with its manifest.
func NewWriter(to io.Writer, m Manifest) (*Writer, error) {
	m = m.stamped()
	if err := m.check(); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, message.Errorf("writing the backup: %w", err)
	}
	sum := sha256.New()
	w := &Writer{tar: tar.NewWriter(io.MultiWriter(to, sum)), sum: sum, created: m.Created, left: m.Files}
	return w, w.entry(ManifestName, int64(len(data)), strings.NewReader(string(data)))
}

// header is that of every entry.
func header(name string, size int64, created time.Time) *tar.Header {
	return &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: created.Truncate(time.Second), Format: tar.FormatUSTAR,
	}
}

func (w *Writer) entry(name string, size int64, content io.Reader) error {
	err := w.tar.WriteHeader(header(name, size, w.created))
	if err == nil {
		_, err = io.Copy(w.tar, content)
	}
	if err == nil {
		err = w.tar.Flush()
	}
	if err != nil {
		return message.Errorf("writing the backup: %w", err)
	}
	return nil
}

// Add writes the next entry of the manifest. A content that is not as the manifest
// has it is a fault.
func (w *Writer) Add(name string, content io.Reader) error {
	if len(w.left) == 0 || w.left[0].Name != name {
		return message.Errorf("writing the backup: %s is not the next file of the manifest", name)
	}
	next := w.left[0]
	w.left = w.left[1:]
	return w.entry(name, next.Size, newChecked(next, content))
}

// Close writes the digest, and the end of the archive. Source: POSIX, pax: two
// blocks of zeros.
func (w *Writer) Close() error {
	if len(w.left) > 0 {
		return message.Errorf("writing the backup: %s is missing", w.left[0].Name)
	}
	err := w.tar.WriteHeader(header(sumName, sumSize, w.created))
	if err == nil {
		_, err = io.WriteString(w.tar, sumText(w.sum.Sum(nil))) // its own header is in it
	}
	if err == nil {
		err = w.tar.Close()
	}
	if err != nil {
		return message.Errorf("writing the backup: %w", err)
	}
	return nil
}

// checked reads a content to its end, and compares it with what the manifest says.
type checked struct {
	file File
	from io.Reader
	sum  hash.Hash
	read int64
}

func newChecked(f File, from io.Reader) *checked { return &checked{f, from, sha256.New(), 0} }

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.sum.Write(p[:n])
	c.read += int64(n)
	if c.read > c.file.Size || errors.Is(err, io.EOF) && !c.whole() {
		return n, damaged("the file %s is not as the manifest says", c.file.Name)
	}
	return n, err
}

func (c *checked) whole() bool {
	return c.read == c.file.Size && hex.EncodeToString(c.sum.Sum(nil)) == c.file.SHA256
}
