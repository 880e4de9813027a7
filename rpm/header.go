package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/rpmpack"
)

// Tags that the library has no field for. Source: rpm's include/rpm/rpmtag.h.
const (
	tagChangelogTime     = 1080
	tagChangelogTitle    = 1081
	tagChangelogText     = 1082
	tagPayloadCompressor = 1125
)

// Bits of a file's mode. Source: inode(7).
const (
	modeFolder = 0o040000
	modeLink   = 0o120000
)

// rpm makes the file of the package, with the program that was built.
func (p Package) rpm(built string) ([]byte, error) {
	date := p.Changelog.Releases[0].Date
	relations, err := p.relations()
	if err != nil {
		return nil, err
	}
	file, err := rpmpack.NewRPM(rpmpack.RPMMetaData{
		Name: p.Name, Version: p.Version, Release: p.Release, Epoch: rpmpack.NoEpoch, Arch: p.Arch, OS: "linux",
		Summary: p.Summary, Description: p.Description, Group: p.Group, Licence: p.License, URL: homepage,
		Vendor: p.Vendor, Packager: p.Packager, BuildHost: p.BuildHost, BuildTime: date,
		Compressor: "gzip:1", Requires: relations, // relativeNames packs it again
	})
	if err != nil {
		return nil, fmt.Errorf("beginning the package: %w", err)
	}
	for _, e := range p.Files {
		entry, err := p.file(e, built, uint32(date.Unix()))
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", e.Path, err)
		}
		file.AddFile(entry)
	}
	for _, s := range p.Scriptlets {
		map[Stages]func(string){Post: file.AddPostin, Preun: file.AddPreun, Postun: file.AddPostun}[s.Stage](s.Text)
	}
	file.AddCustomTag(tagPayloadCompressor, rpmpack.EntryString("xz"))
	p.addChangelog(file)
	var out bytes.Buffer
	if err := file.Write(&out); err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	repacked, unpacked, err := relativeNames(out.Bytes())
	if err != nil {
		return nil, err
	}
	return vouchedFor(repacked, unpacked, p.Sign)
}

func (p Package) relations() (rpmpack.Relations, error) {
	var all rpmpack.Relations
	for _, r := range p.Requires {
		relation, err := rpmpack.NewRelation(r.Text)
		if err != nil {
			return nil, fmt.Errorf("the requirement %q: %w", r.Text, err)
		}
		for _, stages := range r.Stages.each() {
			one := *relation
			one.Sense = addSense(one.Sense, stages)
			all = append(all, &one)
		}
	}
	slices.SortStableFunc(all, func(a, b *rpmpack.Relation) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// addSense adds scriptlets to a comparison, whose type the library keeps.
func addSense[S ~uint32](sense S, stages Stages) S { return sense | S(stages) }

// each lists the forms that rpm writes a requirement in: an interpreter once
// for each scriptlet, anything else once.
func (s Stages) each() []Stages {
	if s&Interpreter == 0 {
		return []Stages{s}
	}
	var all []Stages
	for _, our := range ourScriptlets() {
		if s&our.Stage != 0 {
			all = append(all, our.Stage|Interpreter)
		}
	}
	return all
}

func (p Package) file(e Entry, built string, date uint32) (rpmpack.RPMFile, error) {
	file := rpmpack.RPMFile{Name: e.Path, Owner: "root", Group: "root", Mode: uint(e.Mode), MTime: date}
	from := filepath.Join(p.Source, e.From)
	switch e.Kind {
	case Folder:
		file.Mode |= modeFolder
		return file, nil
	case Link:
		file.Mode |= modeLink
		file.Body = []byte(e.Target)
		return file, nil
	case Config:
		file.Type = rpmpack.ConfigFile | rpmpack.NoReplaceFile
	case Doc, ManPage:
		file.Type = rpmpack.DocFile
	case Executable:
		from = built
	case Plain:
	}
	data, err := os.ReadFile(from)
	if err == nil && e.Kind == ManPage {
		data, err = compress(data)
	}
	file.Body = data
	return file, err
}

func (p Package) addChangelog(file *rpmpack.RPM) {
	var times []uint32
	var titles, texts []string
	for i, r := range p.Changelog.Releases {
		times = append(times, uint32(r.noon().Unix()))
		titles = append(titles, r.title(p.Packager, p.Changelog.release(i, p.Release)))
		texts = append(texts, r.text())
	}
	file.AddCustomTag(tagChangelogTime, rpmpack.EntryUint32(times))
	file.AddCustomTag(tagChangelogTitle, rpmpack.EntryStringSlice(titles))
	file.AddCustomTag(tagChangelogText, rpmpack.EntryStringSlice(texts))
}
