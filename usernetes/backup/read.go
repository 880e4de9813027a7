package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A Reader reads a backup from its beginning to its end. It takes nothing that is
// not as it was written: an entry too many or too few, another order, another byte.
type Reader struct {
	Manifest Manifest
	from     *summed
	tar      *tar.Reader
}

// NewReader reads the manifest.
func NewReader(from io.Reader) (*Reader, error) {
	r := &Reader{from: &summed{from: from, sum: sha256.New()}}
	r.tar = tar.NewReader(r.from)
	h, err := r.tar.Next()
	if r.from.fault != nil {
		return nil, r.from.fault
	}
	if err != nil || h.Name != ManifestName {
		return nil, noBackup()
	}
	if h.Size > maxManifest || !plain(h) {
		return nil, damaged("the entry %q is not one of a backup", h.Name)
	}
	data, err := io.ReadAll(r.tar)
	if err != nil {
		return nil, r.broken(err)
	}
	r.Manifest, err = parseManifest(data)
	return r, err
}

// plain reports whether an entry has the form that all have: a file, with a header
// of one block.
func plain(h *tar.Header) bool { return h.Typeflag == tar.TypeReg && h.Format == tar.FormatUSTAR }

// Each calls take for every file, in their order, and returns nil once the whole
// backup was read and is as it was written. Until then nothing may be used. What
// take leaves unread is read all the same.
func (r *Reader) Each(take func(File, io.Reader) error) error {
	for _, f := range r.Manifest.Files {
		h, err := r.tar.Next()
		if err != nil {
			return r.broken(err)
		}
		if h.Name != f.Name || h.Size != f.Size || !plain(h) {
			return damaged("the entry %q is not the next file of the manifest", host.Printable(h.Name))
		}
		content := newChecked(f, entry{r})
		if err := take(f, content); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return err
		}
	}
	return r.end()
}

// Check reads the whole backup, and keeps the small files of these names.
func (r *Reader) Check(keep ...string) (map[string][]byte, error) {
	kept := map[string][]byte{}
	return kept, r.Each(func(f File, content io.Reader) error {
		for _, name := range keep {
			if f.Name == name && f.Size <= maxSmall {
				data, err := io.ReadAll(content)
				kept[name] = data
				return err
			}
		}
		return nil
	})
}

// end reads the digest and the end of the archive.
func (r *Reader) end() error {
	h, err := r.tar.Next()
	if err != nil {
		return r.broken(err)
	}
	if h.Name != sumName || h.Size != sumSize || !plain(h) {
		return damaged("the entry %q is not the next file of the manifest", host.Printable(h.Name))
	}
	want := sumText(r.from.sum.Sum(nil))
	got, err := io.ReadAll(r.tar)
	if err != nil {
		return r.broken(err)
	}
	if string(got) != want {
		return damaged("its digest differs")
	}
	rest, err := io.ReadAll(io.LimitReader(r.from, 2*sumSize+1))
	if err != nil {
		return r.broken(err)
	}
	if !bytes.Equal(rest, make([]byte, 2*sumSize)) {
		return damaged("its end is cut off, or something follows it")
	}
	return nil
}

// broken is the fault of what can't be read any further.
func (r *Reader) broken(err error) error {
	var known *host.Fault
	if errors.As(err, &known) {
		return err
	}
	if r.from.fault != nil {
		return r.from.fault
	}
	return damaged("%w", err)
}

// An entry is the content of the present one.
type entry struct{ of *Reader }

func (e entry) Read(p []byte) (int, error) {
	n, err := e.of.tar.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = e.of.broken(err)
	}
	return n, err
}

// summed makes the digest of what is read.
type summed struct {
	from  io.Reader
	sum   hash.Hash
	fault error // of the file, not of what is in it
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.sum.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		s.fault = err
	}
	return n, err
}
