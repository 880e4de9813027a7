package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// specFile is where the spec of a package is kept, for gear and hasher to find.
func specFile(name string) string { return "rpm/" + name + ".spec" }

// altMacros are ALT's names of folders, the longer ones of two first.
// Source: ALT's rpm-build, platform.in; rpm-macros-systemd.
func altMacros() [][2]string {
	return [][2]string{
		{"/usr/share/man/man8", "%_man8dir"},
		{"/usr/share/man", "%_mandir"},
		{"/usr/share", "%_datadir"},
		{"/usr/bin", "%_bindir"},
		{"/lib/systemd/system", "%_unitdir"},
		{"/lib/sysctl.d", "%_sysctldir"},
		{"/lib/modules-load.d", "%_modulesloaddir"},
		{"/var/lib", "%_localstatedir"},
		{"/etc", "%_sysconfdir"},
	}
}

// macroPath writes a path with ALT's macros.
func macroPath(path string) string {
	for _, m := range altMacros() {
		if rest, ok := strings.CutPrefix(path, m[0]+"/"); ok {
			return m[1] + "/" + rest
		}
	}
	return path
}

// spec is the package as ALT's own tools take it.
func (p Package) spec() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", strings.TrimSuffix(p.specHead(), "\n"))
	for _, r := range p.Requires {
		line("%s", r.specLine())
	}
	line("\n%%description\n%s\n", escaped(p.Description))
	line("%s", strings.TrimSuffix(p.specBuild(), "\n"))
	line("\n%%install")
	for _, e := range p.Files {
		line("%s", e.specInstall())
	}
	for _, s := range p.Scriptlets {
		line("\n%%%s\n%s", s.Name, strings.TrimSuffix(escaped(s.Text), "\n"))
	}
	line("\n%%files")
	for _, e := range p.Files {
		line("%s", e.specFile())
	}
	line("\n%%changelog")
	for i, r := range p.Changelog.Releases {
		line("* %s %s\n%s\n", r.Date.Format("Mon Jan 02 2006"), r.title(p.Packager, p.Changelog.release(i, p.Release)), escaped(r.text()))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// escaped keeps rpm from expanding macros in a text.
func escaped(text string) string { return strings.ReplaceAll(text, "%", "%%") }

func (p Package) specHead() string {
	return fmt.Sprintf(`# Made by: go run ./rpm --package %s --spec > %s
# It says what rpm/*.go say: change those. rpm/README.md has why it is as it is.
%%define _unpackaged_files_terminate_build 1
%%global __find_debuginfo_files %%nil

Name: %s
Version: %s
Release: %s

Summary: %s
License: %s
Group: %s
Url: %s
Vcs: %s
Packager: %s

Source: %%name-%%version.tar

ExclusiveArch: x86_64 aarch64
BuildRequires: golang >= 1.26
AutoReqProv: no

`, p.Name, specFile(p.Name), p.Name, p.Version, p.Release, p.Summary, p.License, p.Group, homepage, homepage, p.Packager)
}

func (p Package) specBuild() string {
	return fmt.Sprintf(`%%prep
%%setup -q

%%build
export CGO_ENABLED=0 GOAMD64=v1 GOFLAGS=-mod=vendor GOPROXY=off GOTOOLCHAIN=local
%s
`, p.Program.specBuild())
}

// specBuild is the command that compiles the program at the top of the tree.
func (p Program) specBuild() string {
	command, out := "go build", p.Name
	if p.Module != "." {
		command, out = "cd "+p.Module+" && "+command, "$OLDPWD/"+p.Name
	}
	return fmt.Sprintf("%s %s -ldflags %q -o %s %s", command, strings.Join(p.Flags, " "), p.Link, out, p.Path)
}

func (r Requirement) specLine() string {
	var names []string
	for _, our := range ourScriptlets() {
		if r.Stages&our.Stage != 0 {
			names = append(names, our.Name)
		}
	}
	switch {
	case r.Stages&Interpreter != 0:
		return "# rpm itself adds " + r.Text + " for each scriptlet."
	case names != nil:
		return "Requires(" + strings.Join(names, ",") + "): " + r.Text
	default:
		return "Requires: " + r.Text
	}
}

// unpacked is the path before ALT's brp-compress packs man pages.
func (e Entry) unpacked() string {
	if e.Kind == ManPage {
		return strings.TrimSuffix(e.Path, ".xz")
	}
	return e.Path
}

func (e Entry) specInstall() string {
	to := "%buildroot" + macroPath(e.unpacked())
	switch e.Kind {
	case Folder:
		return fmt.Sprintf("install -dm%#o %s", e.Mode, to)
	case Link:
		return fmt.Sprintf("mkdir -p %s && ln -s %s %s", filepath.Dir(to), e.Target, to)
	default:
		return fmt.Sprintf("install -Dpm%#o %s %s", e.Mode, e.From, to)
	}
}

func (e Entry) specFile() string {
	path := macroPath(e.unpacked())
	switch e.Kind {
	case Folder:
		return fmt.Sprintf("%%dir %%attr(%#o,root,root) %s", e.Mode, path)
	case Config:
		return fmt.Sprintf("%%config(noreplace) %%attr(%#o,root,root) %s", e.Mode, path)
	case Doc:
		return fmt.Sprintf("%%doc %%attr(%#o,root,root) %s", e.Mode, path)
	case ManPage:
		return fmt.Sprintf("%%attr(%#o,root,root) %s*", e.Mode, path)
	case Link:
		return path
	default:
		return fmt.Sprintf("%%attr(%#o,root,root) %s", e.Mode, path)
	}
}
