package images

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"slices"

	"github.com/distribution/reference"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// An Archive is a docker archive that the administrator gives in place of a
// registry, and that root has opened.
type Archive struct {
	Name   string // of the file
	Images []ArchivedImage
	Err    error // why it can't be used

	File *os.File
}

// An ArchivedImage is one image of an archive.
type ArchivedImage struct {
	Names        []string // full ones, such as registry.example/pause:3.9
	Architecture string   // as Go names it
}

// Names lists the names of all images in the archive.
func (a Archive) Names() (all []string) {
	for _, image := range a.Images {
		all = append(all, image.Names...)
	}
	return all
}

// tableLimit bounds what is read of an archive's table of images, and of the
// configuration of an image, in bytes.
const tableLimit = 1 << 20

// entryLimit bounds how many files an archive may hold.
const entryLimit = 100_000

// Remedies for what is no docker archive, and for one that is damaged.
const (
	howToArchive = "create one: skopeo copy docker://IMAGE docker-archive:FILE:IMAGE"
	bringAnew    = "copy the file again: it may have been cut during the transfer"
)

// ReadArchives looks into archives that are open for reading, without their
// layers. The offsets of the descriptors stay as they are, for two runs may
// share them.
func ReadArchives(names []string, files []*os.File) []Archive {
	all := make([]Archive, 0, len(files))
	for i, file := range files {
		a := Archive{Name: names[i], File: file}
		if a.Images, a.Err = readArchiveFile(a.Name, file); a.Err != nil {
			a.Err = &host.Fault{Err: message.Errorf("the image archive %q: %w", a.Name, a.Err), Remedy: host.AsFault(a.Err).Remedy}
		}
		all = append(all, a)
	}
	return all
}

func readArchiveFile(name string, file *os.File) ([]ArchivedImage, error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, host.NewFault(howToArchive, "it cannot be read: %w", err)
	case info.IsDir():
		return nil, host.WithRemedy(message.Errorf("it is a directory"),
			"convert the directory in OCI layout to one file: skopeo copy oci:%s docker-archive:NEW:IMAGE", name)
	case !info.Mode().IsRegular():
		return nil, host.NewFault("specify a regular file: it is read twice", "it is not a regular file")
	}
	return archiveReader{name, file, info.Size()}.images()
}

// An archiveReader reads a docker archive. Its size is in bytes.
type archiveReader struct {
	name string
	from io.ReaderAt
	size int64
}

// images lists the images of the archive, and sees that all their parts are
// there.
// Source: the Docker image specification v1.2, "Combined Image JSON +
// Filesystem Changeset Format"; go.podman.io/image's docker/internal/tarfile.
func (r archiveReader) images() ([]ArchivedImage, error) {
	const manifest = "manifest.json"
	if r.size == 0 {
		return nil, host.NewFault(howToArchive, "it is empty")
	}
	if form, program := compression(r.from); form != "" {
		return nil, host.WithRemedy(message.Errorf("it is compressed by %s", form),
			"unpack it first: %s %s", program, r.name)
	}
	parts, tables, err := r.parts(manifest)
	if err != nil {
		return nil, err
	}
	if tables[manifest] == nil {
		if parts["oci-layout"] {
			return nil, host.WithRemedy(message.Errorf("it is an OCI archive, not a docker archive"),
				"convert it: skopeo copy oci-archive:%s docker-archive:NEW:IMAGE", r.name)
		}
		return nil, host.NewFault(howToArchive, "it is not a docker archive: it has no manifest.json")
	}
	var entries []archiveEntry
	if err := json.Unmarshal(tables[manifest], &entries); err != nil {
		return nil, host.NewFault(howToArchive, "it is not a docker archive: reading its manifest.json: %w", err)
	}
	return r.described(parts, entries)
}

// An archiveEntry is an image in the table of a docker archive.
type archiveEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// described reads the configurations of the images in the archive's table.
func (r archiveReader) described(parts map[string]bool, entries []archiveEntry) ([]ArchivedImage, error) {
	var configs []string
	for _, entry := range entries {
		for _, part := range append(entry.Layers, entry.Config) {
			if !parts[path.Clean(part)] {
				return nil, host.NewFault(bringAnew, "it is truncated: it lacks %.80q", part)
			}
		}
		configs = append(configs, path.Clean(entry.Config))
	}
	_, tables, err := r.parts(configs...)
	if err != nil {
		return nil, err
	}
	var images []ArchivedImage
	named := false
	for i, entry := range entries {
		image, err := entry.image(tables[configs[i]])
		if err != nil {
			return nil, err
		}
		images, named = append(images, image), named || len(image.Names) > 0
	}
	if !named {
		return nil, host.NewFault(howToArchive, "none of its images has a name")
	}
	return images, nil
}

func (e archiveEntry) image(config []byte) (ArchivedImage, error) {
	var image ArchivedImage
	var known struct{ Architecture string }
	if err := json.Unmarshal(config, &known); err != nil {
		return image, host.NewFault(bringAnew, "it is damaged: reading %.80q: %w", e.Config, err)
	}
	image.Architecture = known.Architecture
	for _, tag := range e.RepoTags {
		name, err := fullName(tag)
		if err != nil {
			return image, host.NewFault(howToArchive, "%.200q in it is not a valid image name: %w", tag, err)
		}
		image.Names = append(image.Names, name)
	}
	return image, nil
}

// parts walks through the archive by its headers. It returns the names of all
// that is in it, and the content of the files that are asked for.
func (r archiveReader) parts(wanted ...string) (found map[string]bool, content map[string][]byte, err error) {
	found, content = map[string]bool{}, map[string][]byte{}
	entries := tar.NewReader(io.NewSectionReader(r.from, 0, r.size))
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return found, content, nil
		}
		if err != nil {
			return nil, nil, tarFault(err, len(found) > 0)
		}
		name := path.Clean(entry.Name)
		if found[name] = true; len(found) > entryLimit {
			return nil, nil, host.NewFault(howToArchive, "it has more than %d files", entryLimit)
		}
		if !slices.Contains(wanted, name) {
			continue
		}
		if content[name], err = io.ReadAll(io.LimitReader(entries, tableLimit)); err != nil {
			return nil, nil, tarFault(err, true)
		}
	}
}

// tarFault says what is wrong with a tar file, of which something was read
// already or not.
func tarFault(err error, begun bool) error {
	switch {
	case !begun:
		return host.NewFault(howToArchive, "it is not a docker archive: %w", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return host.NewFault(bringAnew, "it is truncated: its last file is incomplete")
	default:
		return host.NewFault(bringAnew, "it is damaged: %w", err)
	}
}

// compression tells what a file was compressed with, and what unpacks it.
// Source: RFC 1952, RFC 8878, the .xz file format, bzip2's manual.
func compression(from io.ReaderAt) (form, program string) {
	var begin [6]byte
	n, _ := from.ReadAt(begin[:], 0) // what can't be read is told of later
	for _, known := range []struct{ magic, form, program string }{
		{"\x1f\x8b", "gzip", "gunzip"},
		{"\x28\xb5\x2f\xfd", "zstd", "unzstd"},
		{"\xfd7zXZ\x00", "xz", "unxz"},
		{"BZh", "bzip2", "bunzip2"},
	} {
		if bytes.HasPrefix(begin[:n], []byte(known.magic)) {
			return known.form, known.program
		}
	}
	return "", ""
}

// fullName completes the name of an image as all programs of a node do:
// registry, path, and tag or digest.
// Source: github.com/distribution/reference.
func fullName(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", message.Errorf("reading it: %w", err)
	}
	return reference.TagNameOnly(named).String(), nil
}
