package usernetes

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
)

// An Archive is a docker archive that the administrator gives in place of a
// registry.
type Archive struct {
	Name   string   // of the file
	Images []string // that it holds, such as registry.example/pause:3.9
	Err    error    // why it can't be used
}

// manifestLimit bounds what is read of an archive's table of images, bytes.
const manifestLimit = 1 << 20

// entryLimit bounds how many files an archive may hold.
const entryLimit = 100_000

// howToArchive is the remedy for a file that is no docker archive.
const howToArchive = "make one: skopeo copy docker://IMAGE docker-archive:FILE:IMAGE"

// ReadArchives looks into archives that are open for reading, and leaves each at
// its beginning.
func ReadArchives(names []string, files []*os.File) []Archive {
	all := make([]Archive, 0, len(files))
	for i, file := range files {
		a := Archive{Name: names[i]}
		a.Images, a.Err = readArchiveFile(file)
		all = append(all, a)
	}
	return all
}

func readArchiveFile(file *os.File) ([]string, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fault("give a plain file, for it is read twice", "it is no plain file")
	}
	names, err := imageNames(file)
	if _, errSeek := file.Seek(0, io.SeekStart); err == nil {
		err = errSeek
	}
	return names, err
}

// imageNames lists the images of a docker archive, read from its beginning to
// its end.
// Source: the Docker image specification v1.2, "Combined Image JSON +
// Filesystem Changeset Format".
func imageNames(archive io.ReadSeeker) ([]string, error) {
	if err := refuseOtherForms(archive); err != nil {
		return nil, err
	}
	var table []byte
	var files []string
	entries := tar.NewReader(archive)
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, io.ErrUnexpectedEOF) && len(files) > 0 {
			return nil, fault("bring the file anew: it may have been cut on its way", "it is cut short: its last file is not whole")
		}
		if err != nil {
			return nil, fault(howToArchive, "it is no docker archive: %w", err)
		}
		if files = append(files, entry.Name); len(files) > entryLimit {
			return nil, fault(howToArchive, "it holds more than %d files", entryLimit)
		}
		if entry.Name == "manifest.json" {
			if table, err = io.ReadAll(io.LimitReader(entries, manifestLimit)); err != nil {
				return nil, fault(howToArchive, "it is no docker archive: %w", err)
			}
		}
	}
	return namesInTable(table, files)
}

// refuseOtherForms tells a packed archive, and returns to the beginning.
// Source: the specifications of gzip (RFC 1952), xz and zstd (RFC 8878).
func refuseOtherForms(archive io.ReadSeeker) error {
	start := make([]byte, 6)
	n, err := io.ReadFull(archive, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	for magic, program := range map[string]string{"\x1f\x8b": "gunzip", "\xfd7zXZ\x00": "unxz", "\x28\xb5\x2f\xfd": "unzstd"} {
		if bytes.HasPrefix(start[:n], []byte(magic)) {
			return fault("unpack it first: "+program+" FILE", "it is compressed")
		}
	}
	_, err = archive.Seek(0, io.SeekStart)
	return err
}

// namesInTable reads manifest.json, all of whose files the archive has to
// hold.
func namesInTable(table []byte, files []string) ([]string, error) {
	if table == nil && slices.Contains(files, "oci-layout") {
		return nil, fault("convert it: skopeo copy oci-archive:FILE docker-archive:NEW:IMAGE", "it is an OCI archive, not one of docker's form")
	}
	if table == nil {
		return nil, fault(howToArchive, "it is no docker archive: it has no manifest.json")
	}
	var images []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(table, &images); err != nil {
		return nil, fault(howToArchive, "it is no docker archive: %w", err)
	}
	var names []string
	for _, image := range images {
		for _, part := range append(image.Layers, image.Config) {
			if !slices.Contains(files, part) {
				return nil, fault("bring the file anew: it may have been cut on its way", "it is cut short: it lacks %.80q", part)
			}
		}
		names = append(names, image.RepoTags...)
	}
	if len(names) == 0 {
		return nil, fault(howToArchive, "none of its images has a name")
	}
	return names, nil
}
