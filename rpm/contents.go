package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/goreleaser/nfpm/v2/files"
	"github.com/ulikunitz/xz"
)

// contents lists what the package installs, folders first: from the checkout
// source, and from work, where the helper and packed man pages are. Folders
// of other packages, such as /usr/bin, are not among them.
func contents(source, work string, date time.Time) (files.Contents, error) {
	all := files.Contents{
		folder("/etc/podsec-k8s", 0o755),
		folder("/etc/podsec-k8s/crio.conf.d", 0o755),
		folder("/usr/libexec/podsec-k8s", 0o755),
		folder("/usr/share/podsec-k8s", 0o755),
		folder("/usr/share/doc/podsec-k8s", 0o755),
		folder("/var/lib/podsec-k8s", 0o700),
		file(filepath.Join(work, "podsec-k8s"), "/usr/bin/podsec-k8s", 0o755),
		link("podsec-k8s", "/usr/bin/podsec-k8s-create-master"),
		link("../../bin/podsec-k8s", "/usr/libexec/podsec-k8s/systemctl"),
		link("../../bin/podsec-k8s", "/usr/libexec/podsec-k8s/pasta-one-way"),
		config(filepath.Join(source, "units/share/node.conf"), "/etc/podsec-k8s/node.conf"),
		file(filepath.Join(source, "units/share/crio.conf"), "/usr/share/podsec-k8s/crio.conf", 0o644),
		file(filepath.Join(source, "units/system/podsec-k8s-net.socket"), "/lib/systemd/system/podsec-k8s-net.socket", 0o644),
		file(filepath.Join(source, "units/system/podsec-k8s-net.service"), "/lib/systemd/system/podsec-k8s-net.service", 0o644),
		file(filepath.Join(source, "units/sysctl.d/90-podsec-k8s.conf"), "/lib/sysctl.d/90-podsec-k8s.conf", 0o644),
		file(filepath.Join(source, "units/modules-load.d/podsec-k8s.conf"), "/lib/modules-load.d/podsec-k8s.conf", 0o644),
		doc(source, "README.md"), doc(source, "CHANGELOG.md"), doc(source, "LICENSE"),
	}
	userUnits, err := glob(filepath.Join(source, "units/user/*"), "/usr/lib/systemd/user")
	if err != nil {
		return nil, err
	}
	english, err := manPages(filepath.Join(source, "cmd/podsec-k8s/man"), work, "/usr/share/man/man8")
	if err != nil {
		return nil, err
	}
	russian, err := manPages(filepath.Join(source, "cmd/podsec-k8s/man/ru"), work, "/usr/share/man/ru/man8")
	if err != nil {
		return nil, err
	}
	return owned(slices.Concat(all, userUnits, english, russian), date), nil
}

// owned makes everything root's and of one time.
func owned(all files.Contents, date time.Time) files.Contents {
	for _, c := range all {
		c.FileInfo.Owner, c.FileInfo.Group, c.FileInfo.MTime = "root", "root", date
	}
	return all
}

func folder(path string, mode os.FileMode) *files.Content {
	return &files.Content{Type: files.TypeDir, Destination: path, FileInfo: &files.ContentFileInfo{Mode: mode}}
}

func file(from, to string, mode os.FileMode) *files.Content {
	return &files.Content{Source: from, Destination: to, FileInfo: &files.ContentFileInfo{Mode: mode}}
}

func config(from, to string) *files.Content {
	c := file(from, to, 0o644)
	c.Type = files.TypeConfigNoReplace
	return c
}

func doc(source, name string) *files.Content {
	c := file(filepath.Join(source, name), "/usr/share/doc/podsec-k8s/"+name, 0o644)
	c.Type = files.TypeRPMDoc
	return c
}

func link(to, path string) *files.Content {
	return &files.Content{Type: files.TypeSymlink, Source: to, Destination: path, FileInfo: &files.ContentFileInfo{}}
}

// glob takes every file of a pattern into one folder.
func glob(pattern, to string) (files.Contents, error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", pattern, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no files %q: is this the top of the checkout?", pattern)
	}
	var all files.Contents
	for _, name := range names {
		all = append(all, file(name, filepath.Join(to, filepath.Base(name)), 0o644))
	}
	return all, nil
}

// manPages packs the pages of one language, as ALT does.
func manPages(from, work, to string) (files.Contents, error) {
	names, err := filepath.Glob(filepath.Join(from, "*.8"))
	if err != nil {
		return nil, fmt.Errorf("listing man pages: %w", err)
	}
	packed := filepath.Join(work, to)
	if err := os.MkdirAll(packed, 0o700); err != nil {
		return nil, fmt.Errorf("packing man pages: %w", err)
	}
	var all files.Contents
	for _, name := range names {
		base := filepath.Base(name) + ".xz"
		if err := compress(name, filepath.Join(packed, base)); err != nil {
			return nil, fmt.Errorf("packing a man page: %w", err)
		}
		all = append(all, file(filepath.Join(packed, base), filepath.Join(to, base), 0o644))
	}
	return all, nil
}

// compress packs a file, the same way each time.
func compress(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, packed.Bytes(), 0o600)
}
