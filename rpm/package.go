package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/alt-cloud/podsec-k8s/deps"
)

const homepage = "https://github.com/alt-cloud/podsec-k8s"

// A Request is which package to build.
type Request struct {
	Package    string // name of the package, "" is podsec-k8s
	Source     string // folder of the checkout
	Kubernetes string // minor version to pin
	Arch       string // in RPM's words
	Version    string
	Release    string // "" is releaseOf the minor
	Vendor     string
	Packager   string // Name <address>
	BuildHost  string
	Commit     string // that is built, "" when it is not known
	Sign       Signer // nil for a package without signatures
	Out        string // folder
	Changelog  Changelog
}

// releaseOf is the release of a build for one minor of Kubernetes. It names
// the minor, for apt tells two packages of one name apart by version and
// release alone, and a site may have both in reach.
func releaseOf(minor string) string { return firstRelease + ".k" + minor }

// A Package is all that is said of it. The RPM and the spec are made from it.
type Package struct {
	Request
	Name        string
	Summary     string
	Group       string
	License     string
	Description string // of lines
	Requires    []Requirement
	Scriptlets  []Scriptlet
	Files       []Entry
	Program     Program
}

// A Program is what is compiled for a package.
type Program struct {
	Name   string   // of its file
	Module string   // folder of its module in the checkout
	Path   string   // of its Go package
	Flags  []string // of go build
	Link   string   // flags of the linker
}

// A Requirement is what has to be there, and for which scriptlets first.
type Requirement struct {
	Text   string // such as "etcd >= 3.5"
	Stages Stages // none for one of the files
}

// Stages are the scriptlets that need something, as rpm's bits.
type Stages int

// Source: rpm's include/rpm/rpmds.h, RPMSENSE_INTERP and RPMSENSE_SCRIPT_*.
const (
	Interpreter Stages = 1 << 8
	Post        Stages = 1 << 10
	Preun       Stages = 1 << 11
	Postun      Stages = 1 << 12
)

// A Scriptlet is a line that rpm runs by /bin/sh.
type Scriptlet struct {
	Stage Stages
	Name  string // of its section in a spec
	Text  string
}

// Forms of what rpm and ALT allow. Source: rpm's docs/manual/spec.md,
// "Version"; ALT's sisyphus_check, 040-check-packager, whose address this does
// not ask to be ALT's.
var (
	wordForm     = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._+~^]*$`)
	packagerForm = regexp.MustCompile(`^[^<>[:cntrl:]]+ <[^<>[:space:]]+>$`)
	hostForm     = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.-]*$`)
)

// goArch returns Go's word for an architecture of RPM.
func goArch(arch string) (string, error) {
	words := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}
	if word, ok := words[arch]; ok {
		return word, nil
	}
	return "", fmt.Errorf("architecture %q is neither x86_64 nor aarch64", arch)
}

func (r Request) check() error {
	_, err := goArch(r.Arch)
	if !wordForm.MatchString(r.Version) || !wordForm.MatchString(r.Release) {
		err = errors.Join(err, fmt.Errorf("version %q and release %q: letters, digits and . _ + ~ ^ are allowed", r.Version, r.Release))
	}
	if !packagerForm.MatchString(r.Packager) {
		err = errors.Join(err, fmt.Errorf("packager %q is not of the form Name <address>", r.Packager))
	}
	if !hostForm.MatchString(r.BuildHost) {
		err = errors.Join(err, fmt.Errorf("build host %q is not a host's name", r.BuildHost))
	}
	return err
}

// of begins the description of a package.
func (r Request) of(name, summary, description string) Package {
	return Package{
		Request: r, Name: name, Summary: summary, Group: "System/Configuration/Other", License: "Apache-2.0", Description: description,
	}
}

// pinned writes out pins as requirements.
func pinned(pins []deps.Pin) (all []Requirement) {
	for _, pin := range pins {
		for _, text := range pin.Requires() {
			all = append(all, Requirement{Text: text})
		}
	}
	return all
}

// ourScriptlets are those that a package may have, without their texts.
func ourScriptlets() []Scriptlet {
	return []Scriptlet{{Stage: Post, Name: "post"}, {Stage: Preun, Name: "preun"}, {Stage: Postun, Name: "postun"}}
}

// scriptlets reads the texts of scriptlets, from files with a prefix to their names.
func scriptlets(source, prefix string, all []Scriptlet) ([]Scriptlet, error) {
	for i, s := range all {
		text, err := os.ReadFile(filepath.Join(source, "scriptlets", prefix+s.Name+".sh"))
		if err != nil {
			return nil, fmt.Errorf("reading a scriptlet: %w", err)
		}
		all[i].Text = string(text)
	}
	return all, nil
}

// compile builds the program without anything of the machine in it.
func (p Package) compile(out string) error {
	arch, err := goArch(p.Arch)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", append(append([]string{"build", "-ldflags", p.Program.Link, "-o", out}, p.Program.Flags...), p.Program.Path)...)
	cmd.Dir = filepath.Join(p.Source, p.Program.Module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOFLAGS=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", p.Program.Name, err, output)
	}
	return nil
}

// buildFlags keep the machine's paths and commit out of the helper, and the
// helper small: cli can't write documentation, and functions are not copied to
// where they are called (-l), in packages where that costs no time that anyone
// notices: it is a twentieth of the whole.
func buildFlags() []string {
	flags := []string{"-trimpath", "-buildvcs=false", "-tags", "urfave_cli_no_docs"}
	for _, packages := range []string{"github.com/...", "go.yaml.in/...", "golang.org/...", "net/http/...", "crypto/tls/...", "crypto/x509/..."} {
		flags = append(flags, "-gcflags", packages+"=-l")
	}
	return flags
}

func (r Request) linkFlags() string {
	flags := "-s -w -X main.version=" + r.Version + " -X main.minor=" + r.Kubernetes
	if r.Commit != "" {
		flags += " -X main.commit=" + r.Commit
	}
	return flags
}

// write makes the file beside its place first.
func write(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".rpm-")
	if err != nil {
		return fmt.Errorf("writing the package: %w", err)
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it has been renamed when all went well
	_, err = file.Write(data)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return fmt.Errorf("writing the package: %w", err)
	}
	return os.Rename(file.Name(), path)
}
