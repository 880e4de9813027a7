package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"
)

// A Kind is what an entry of the package is.
type Kind int

// The kinds of entries.
const (
	Folder Kind = iota + 1
	Plain
	Config // an administrator's changes of it are kept
	Doc    // goes to the package's folder of documents
	Link
	Executable // the program that is built
	ManPage    // is packed by xz
)

// An Entry is one line of the package's files. All are root's.
type Entry struct {
	Kind   Kind
	Path   string
	From   string // in the checkout
	Target string // of a link
	Mode   os.FileMode
}

// userUnits is where systemd looks for the units of users.
// Source: systemd.unit(5), "User Unit Search Path".
const userUnits = "/usr/lib/systemd/user"

// helper is the program, as it is built in the checkout and installed.
const helper = "podsec-k8s"

// contents lists what the package installs, by path.
func contents(source, docs string) ([]Entry, error) {
	folders, err := many(source)
	if err != nil {
		return nil, err
	}
	links, err := linksOfWants(source)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(single(docs), folders, links)
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// single lists what is installed by a name of its own. Folders that every machine
// has, such as /usr/bin, are not among it; those of shells that it may lack are, or
// they would stay behind.
func single(docs string) []Entry {
	return []Entry{
		folder("/etc/podsec-k8s", 0o755),
		folder("/etc/podsec-k8s/crio.conf.d", 0o755),
		folder("/usr/libexec/podsec-k8s", 0o755),
		folder("/usr/share/podsec-k8s", 0o755), folder("/usr/share/podsec-k8s/audit", 0o755),
		folder("/usr/share/zsh", 0o755), folder("/usr/share/zsh/site-functions", 0o755),
		folder("/usr/share/fish", 0o755), folder("/usr/share/fish/vendor_completions.d", 0o755),
		folder(docs, 0o755),
		folder("/var/lib/podsec-k8s", 0o700),
		{Kind: Executable, Path: "/usr/bin/" + helper, From: helper, Mode: 0o755},
		link("podsec-k8s", "/usr/bin/podsec-k8s-create-master"),
		link("../../bin/podsec-k8s", "/usr/libexec/podsec-k8s/systemctl"),
		link("../../bin/podsec-k8s", "/usr/libexec/podsec-k8s/crictl"),
		link("../../bin/podsec-k8s", "/usr/libexec/podsec-k8s/pasta-one-way"),
		{Kind: Config, Path: "/etc/podsec-k8s/node.conf", From: "units/share/node.conf", Mode: 0o644},
		plain("units/share/crio.conf", "/usr/share/podsec-k8s/crio.conf"),
		plain("cmd/podsec-k8s/completion/podsec-k8s.bash", "/usr/share/bash-completion/completions/podsec-k8s"),
		link("podsec-k8s", "/usr/share/bash-completion/completions/podsec-k8s-create-master"),
		plain("cmd/podsec-k8s/completion/podsec-k8s.zsh", "/usr/share/zsh/site-functions/_podsec-k8s"),
		plain("cmd/podsec-k8s/completion/podsec-k8s.fish", "/usr/share/fish/vendor_completions.d/podsec-k8s.fish"),
		link("podsec-k8s.fish", "/usr/share/fish/vendor_completions.d/podsec-k8s-create-master.fish"),
		plain("units/system/podsec-k8s-net.socket", "/lib/systemd/system/podsec-k8s-net.socket"),
		plain("units/system/podsec-k8s-net.service", "/lib/systemd/system/podsec-k8s-net.service"),
		plain("units/system/podsec-k8s-backup.service", "/lib/systemd/system/podsec-k8s-backup.service"),
		plain("units/system/podsec-k8s-upgrade.service", "/lib/systemd/system/podsec-k8s-upgrade.service"),
		plain("units/system/podsec-k8s-backup.timer", "/lib/systemd/system/podsec-k8s-backup.timer"),
		plain("units/sysctl.d/90-podsec-k8s.conf", "/lib/sysctl.d/90-podsec-k8s.conf"),
		plain("units/modules-load.d/podsec-k8s.conf", "/lib/modules-load.d/podsec-k8s.conf"),
		doc("README.md", docs), doc("CHANGELOG.md", docs), doc("LICENSE", docs),
	}
}

// many lists the files of which all in a folder are installed.
func many(source string) (all []Entry, err error) {
	for _, m := range []struct {
		kind     Kind
		from, to string
		ending   string // of the installed name
	}{
		{Plain, "units/user/*", userUnits, ""},
		{Plain, "units/share/audit/*", "/usr/share/podsec-k8s/audit", ""},
		{ManPage, "cmd/podsec-k8s/man/*.8", "/usr/share/man/man8", ".xz"},
		{ManPage, "cmd/podsec-k8s/man/ru/*.8", "/usr/share/man/ru/man8", ".xz"},
	} {
		names, err := filepath.Glob(filepath.Join(source, m.from))
		if err != nil {
			return nil, fmt.Errorf("listing %q: %w", m.from, err)
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("no files %q: is this the top of the checkout?", m.from)
		}
		for _, name := range names {
			base := filepath.Base(name)
			from := filepath.Join(filepath.Dir(m.from), base)
			all = append(all, Entry{Kind: m.kind, Path: filepath.Join(m.to, base+m.ending), From: from, Mode: 0o644})
		}
	}
	return all, nil
}

// linksOfWants lists the links by which user units start others, in folders .wants.
func linksOfWants(source string) (all []Entry, err error) {
	starters, err := wants(source)
	if err != nil {
		return nil, err
	}
	for starter, started := range starters {
		links := filepath.Join(userUnits, starter+".wants")
		all = append(all, folder(links, 0o755))
		for _, unit := range started {
			all = append(all, link("../"+unit, filepath.Join(links, unit)))
		}
	}
	return all, nil
}

func folder(path string, mode os.FileMode) Entry { return Entry{Kind: Folder, Path: path, Mode: mode} }

func plain(from, to string) Entry { return Entry{Kind: Plain, Path: to, From: from, Mode: 0o644} }

func doc(name, docs string) Entry {
	return Entry{Kind: Doc, Path: filepath.Join(docs, filepath.Base(name)), From: name, Mode: 0o644}
}

func link(to, path string) Entry { return Entry{Kind: Link, Path: path, Target: to, Mode: 0o777} }

// compress packs data, the same way each time.
func compress(data []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
