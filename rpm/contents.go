package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/goreleaser/nfpm/v2/files"
	"github.com/ulikunitz/xz"
)

// contents lists what the package installs, folders first. Folders of other
// packages, such as /usr/bin, are not among them.
func contents(work string, date time.Time) (files.Contents, error) {
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
		config("units/share/node.conf", "/etc/podsec-k8s/node.conf"),
		file("units/share/crio.conf", "/usr/share/podsec-k8s/crio.conf", 0o644),
		file("units/sysctl.d/90-podsec-k8s.conf", "/lib/sysctl.d/90-podsec-k8s.conf", 0o644),
		file("units/modules-load.d/podsec-k8s.conf", "/lib/modules-load.d/podsec-k8s.conf", 0o644),
		doc("README.md"), doc("CHANGELOG.md"), doc("LICENSE"),
	}
	userUnits, err := glob("units/user/*", "/usr/lib/systemd/user")
	if err != nil {
		return nil, err
	}
	pages, err := manPages(work)
	if err != nil {
		return nil, err
	}
	return owned(slices.Concat(all, userUnits, pages), date), nil
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

func doc(name string) *files.Content {
	c := file(name, "/usr/share/doc/podsec-k8s/"+name, 0o644)
	c.Type = files.TypeRPMDoc
	return c
}

func link(to, path string) *files.Content {
	return &files.Content{Type: files.TypeSymlink, Source: to, Destination: path, FileInfo: &files.ContentFileInfo{}}
}

// glob takes every file of a pattern into one folder.
func glob(pattern, to string) (files.Contents, error) {
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no files %q: is this the top of the checkout? (%w)", pattern, err)
	}
	var all files.Contents
	for _, name := range names {
		all = append(all, file(name, filepath.Join(to, filepath.Base(name)), 0o644))
	}
	return all, nil
}

// manPages packs the English pages and the Russian ones, as ALT does.
func manPages(work string) (files.Contents, error) {
	var all files.Contents
	for _, language := range []struct{ from, to, temp string }{
		{"cmd/podsec-k8s/man/*.8", "/usr/share/man/man8", "en"},
		{"cmd/podsec-k8s/man/ru/*.8", "/usr/share/man/ru/man8", "ru"},
	} {
		names, err := filepath.Glob(language.from)
		if err != nil {
			return nil, fmt.Errorf("listing man pages: %w", err)
		}
		for _, name := range names {
			packed := filepath.Join(work, language.temp+"-"+filepath.Base(name)+".xz")
			if err := compress(name, packed); err != nil {
				return nil, err
			}
			all = append(all, file(packed, filepath.Join(language.to, filepath.Base(name)+".xz"), 0o644))
		}
	}
	return all, nil
}

// compress packs a man page, the same way each time.
func compress(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("reading a man page: %w", err)
	}
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("packing a man page: %w", err)
	}
	defer out.Close() //nolint:errcheck // Close of the writer reports
	packed, err := xz.NewWriter(out)
	if err != nil {
		return fmt.Errorf("packing a man page: %w", err)
	}
	if _, err := packed.Write(data); err != nil {
		return fmt.Errorf("packing a man page: %w", err)
	}
	return packed.Close()
}
