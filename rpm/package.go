package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/goreleaser/nfpm/v2"
	nfpmrpm "github.com/goreleaser/nfpm/v2/rpm"

	"github.com/alt-cloud/podsec-k8s/deps"
)

const packager = "podsec-k8s maintainers"

// A Request is which package to build.
type Request struct {
	Source     string // folder of the checkout
	Kubernetes string // minor version to pin
	Arch       string // in RPM's words
	Version    string
	Release    string
	Out        string // folder
	Changelog  Changelog
}

// wordForm is what rpm allows in a version and in a release. Source: rpm's
// docs/manual/spec.md, "Version".
var wordForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._+~^]*$`)

// goArch gives Go's word for an architecture of RPM.
func goArch(arch string) (string, error) {
	words := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}
	if word, ok := words[arch]; ok {
		return word, nil
	}
	return "", fmt.Errorf("architecture %q is neither x86_64 nor aarch64", arch)
}

// Build compiles the helper, makes the package and returns its path. The
// same commit gives the same bytes: all times are the newest release's.
func Build(r Request) (string, error) {
	arch, err := goArch(r.Arch)
	if err != nil {
		return "", err
	}
	if !wordForm.MatchString(r.Version) || !wordForm.MatchString(r.Release) {
		return "", fmt.Errorf("version %q and release %q: letters, digits and . _ + ~ ^ are allowed", r.Version, r.Release)
	}
	requires, err := requires(r.Kubernetes)
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "podsec-k8s-rpm-")
	if err != nil {
		return "", fmt.Errorf("making a work folder: %w", err)
	}
	defer os.RemoveAll(work) //nolint:errcheck // a folder of /tmp
	if err := r.compile(filepath.Join(work, "podsec-k8s"), arch); err != nil {
		return "", err
	}
	info, err := r.info(work, arch, requires)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return "", fmt.Errorf("making the output folder: %w", err)
	}
	path := filepath.Join(r.Out, fmt.Sprintf("podsec-k8s-%s-%s.%s.rpm", r.Version, r.Release, r.Arch))
	return path, write(path, info)
}

// compile builds the helper without anything of the machine in it, and without
// what cli can write documentation with.
func (r Request) compile(out, arch string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "urfave_cli_no_docs",
		"-ldflags", "-s -w -X main.version="+r.Version+" -X main.minor="+r.Kubernetes, "-o", out, "./cmd/podsec-k8s")
	cmd.Dir = r.Source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOFLAGS=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the helper: %w\n%s", err, output)
	}
	return nil
}

// info is the package as one literal.
func (r Request) info(work, arch string, requires []string) (*nfpm.Info, error) {
	date := r.Changelog.Releases[0].Date
	files, err := contents(r.Source, work, date)
	if err != nil {
		return nil, err
	}
	changelog, err := r.Changelog.write(work, packager)
	if err != nil {
		return nil, err
	}
	return nfpm.WithDefaults(&nfpm.Info{
		Name: "podsec-k8s", Arch: arch, Platform: "linux",
		Version: r.Version, VersionSchema: "none", Release: r.Release,
		Maintainer: packager, Vendor: "ALT Linux Team",
		Homepage: "https://github.com/alt-cloud/podsec-k8s", License: "Apache-2.0",
		Description: "Makes and keeps a Kubernetes node that runs as an unprivileged user:\n" +
			"unmodified kubeadm inside RootlessKit's namespaces, every part a systemd\n" +
			"user service of u7s-admin. Pins the packages of Kubernetes " + r.Kubernetes + ".",
		Changelog: changelog, MTime: date, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Depends:  requires,
			Contents: files,
			Scripts: nfpm.Scripts{
				PostInstall: filepath.Join(r.Source, "scriptlets/post.sh"),
				PreRemove:   filepath.Join(r.Source, "scriptlets/preun.sh"),
				PostRemove:  filepath.Join(r.Source, "scriptlets/postun.sh"),
			},
			RPM: nfpm.RPM{
				Arch: r.Arch, BuildHost: "localhost", Group: "System/Configuration/Other",
				Summary: "Rootless Kubernetes for ALT Linux", Compression: "xz", Packager: packager,
				Requires: nfpm.RPMRequires{Post: []string{"/bin/sh", "shadow-utils", "systemd"}},
			},
		},
	}), nil
}

// requires writes out every dependency: nfpm finds none by itself.
func requires(minor string) ([]string, error) {
	pins, err := deps.Pins(minor)
	if err != nil {
		return nil, fmt.Errorf("pinning packages: %w", err)
	}
	all := []string{"/bin/sh"}
	for _, pin := range pins {
		all = append(all, pin.Requires()...)
	}
	slices.Sort(all)
	return all, nil
}

// write makes the file beside its place first.
func write(path string, info *nfpm.Info) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".rpm-")
	if err != nil {
		return fmt.Errorf("writing the package: %w", err)
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it has been renamed when all went well
	if err := nfpmrpm.DefaultRPM.Package(info, file); err != nil {
		return fmt.Errorf("writing the package: %w", err)
	}
	if err := file.Chmod(0o644); err != nil {
		return fmt.Errorf("writing the package: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("writing the package: %w", err)
	}
	return os.Rename(file.Name(), path)
}
