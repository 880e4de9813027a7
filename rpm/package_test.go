package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/rpm"
	"github.com/ulikunitz/xz"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// Tags that the library has no method for. Source: rpm's
// include/rpm/rpmtag.h.
const (
	tagChangelogTime  = 1080
	tagChangelogTitle = 1081
	tagChangelogText  = 1082
	tagPostProgram    = 1086
	tagPreunProgram   = 1087
	tagPostunProgram  = 1088
)

const (
	requiresPost = 1 << 10 // RPMSENSE_SCRIPT_POST
	maxHelper    = 15_000_000
)

// buildPackage makes the package of this checkout for a minor.
func buildPackage(t *testing.T, minor string) (path string, log Changelog) {
	t.Helper()
	log, err := readChangelog("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	path, err = Build(Request{
		Source: "..", Kubernetes: minor, Arch: "x86_64", Version: log.Releases[0].Version, Release: "alt1", Out: t.TempDir(), Changelog: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, log
}

// TestPackage builds the package twice and reads it back.
func TestPackage(t *testing.T) {
	path, log := buildPackage(t, "1.26")
	p, err := rpm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("tags", func(t *testing.T) { checkTags(t, p, filepath.Base(path), log) })
	t.Run("files", func(t *testing.T) { checkFiles(t, p, log) })
	t.Run("scriptlets", func(t *testing.T) { checkScriptlets(t, p) })
	t.Run("requires", func(t *testing.T) { checkRequires(t, p, "1.26") })
	t.Run("changelog", func(t *testing.T) { checkChangelog(t, p, log) })
	t.Run("digests", func(t *testing.T) { checkDigests(t, path) })
	t.Run("same bytes again", func(t *testing.T) {
		again, _ := buildPackage(t, "1.26")
		if !bytes.Equal(read(t, path), read(t, again)) {
			t.Error("a second build has other bytes")
		}
	})
}

func TestPackageOfOtherMinor(t *testing.T) {
	path, _ := buildPackage(t, "1.34")
	p, err := rpm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	checkRequires(t, p, "1.34")
}

func checkTags(t *testing.T, p *rpm.Package, name string, log Changelog) {
	got := strings.Join([]string{
		p.String(), strings.Join(p.Groups(), ","), p.License(), p.PayloadFormat(), p.PayloadCompression(),
		p.OperatingSystem(), p.BuildHost(), fmt.Sprint(p.BuildTime().Equal(log.Releases[0].Date)),
	}, " ")
	version := log.Releases[0].Version
	want := "podsec-k8s-" + version + "-alt1.x86_64 System/Configuration/Other Apache-2.0 cpio xz linux localhost true"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if want := "podsec-k8s-" + version + "-alt1.x86_64.rpm"; name != want {
		t.Errorf("file %q, want %q", name, want)
	}
}

// checkFiles compares every entry: mode, flags and path, with the target of
// a link. c is a configuration file, n one that is not replaced, d a document.
func checkFiles(t *testing.T, p *rpm.Package, log Changelog) {
	want := []string{
		"drwxr-xr-x - /etc/podsec-k8s",
		"drwxr-xr-x - /etc/podsec-k8s/crio.conf.d",
		"-rw-r--r-- cn /etc/podsec-k8s/node.conf",
		"-rw-r--r-- - /lib/modules-load.d/podsec-k8s.conf",
		"-rw-r--r-- - /lib/sysctl.d/90-podsec-k8s.conf",
		"-rw-r--r-- - /lib/systemd/system/podsec-k8s-net.service",
		"-rw-r--r-- - /lib/systemd/system/podsec-k8s-net.socket",
		"-rwxr-xr-x - /usr/bin/podsec-k8s",
		"L--------- - /usr/bin/podsec-k8s-create-master -> podsec-k8s",
		"drwxr-xr-x - /usr/libexec/podsec-k8s",
		"L--------- - /usr/libexec/podsec-k8s/pasta-one-way -> ../../bin/podsec-k8s",
		"L--------- - /usr/libexec/podsec-k8s/systemctl -> ../../bin/podsec-k8s",
		"drwxr-xr-x - /usr/share/doc/podsec-k8s",
		"-rw-r--r-- d /usr/share/doc/podsec-k8s/CHANGELOG.md",
		"-rw-r--r-- d /usr/share/doc/podsec-k8s/LICENSE",
		"-rw-r--r-- d /usr/share/doc/podsec-k8s/README.md",
		"drwxr-xr-x - /usr/share/podsec-k8s",
		"-rw-r--r-- - /usr/share/podsec-k8s/crio.conf",
		"drwx------ - /var/lib/podsec-k8s",
	}
	want = append(want, each(t, "../units/user/*", "/usr/lib/systemd/user/", "")...)
	want = append(want, each(t, "../cmd/podsec-k8s/man/*.8", "/usr/share/man/man8/", ".xz")...)
	want = append(want, each(t, "../cmd/podsec-k8s/man/ru/*.8", "/usr/share/man/ru/man8/", ".xz")...)
	var got []string
	for _, f := range p.Files() {
		line := fmt.Sprint(f.Mode(), " ", flagLetters(f.Flags()), " ", f.Name())
		if f.Linkname() != "" {
			line += " -> " + f.Linkname()
		}
		got = append(got, line)
		if f.Owner() != "root" || f.Group() != "root" || !f.ModTime().Equal(log.Releases[0].Date) {
			t.Errorf("%s is %s:%s's, of %s", f.Name(), f.Owner(), f.Group(), f.ModTime())
		}
		if f.Name() == "/usr/bin/podsec-k8s" && f.Size() > maxHelper {
			t.Errorf("the helper has %d bytes, want at most %d", f.Size(), maxHelper)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, page := range []string{"podsec-k8s.8.xz", "podsec-k8s-create-master.8.xz"} {
		if !slices.Contains(got, "-rw-r--r-- - /usr/share/man/man8/"+page) {
			t.Errorf("the page %s is missing", page)
		}
	}
}

// each lists what the files of a pattern become.
func each(t *testing.T, pattern, folder, suffix string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		all = append(all, "-rw-r--r-- - "+folder+filepath.Base(name)+suffix)
	}
	return all
}

// flagLetters writes flags as rpm's fflags does. Source: rpm's
// include/rpm/rpmfiles.h.
func flagLetters(flags int64) string {
	text := ""
	for _, f := range []struct {
		bit    int64
		letter string
	}{{1 << 0, "c"}, {1 << 1, "d"}, {1 << 4, "n"}, {1 << 6, "g"}} {
		if flags&f.bit != 0 {
			text += f.letter
			flags &^= f.bit
		}
	}
	if flags != 0 {
		text += fmt.Sprintf("%#x", flags)
	}
	if text == "" {
		return "-"
	}
	return text
}

func checkScriptlets(t *testing.T, p *rpm.Package) {
	for _, c := range []struct {
		name, got, file string
		program         int
	}{
		{"post", p.PostInstallScript(), "post.sh", tagPostProgram},
		{"preun", p.PreUninstallScript(), "preun.sh", tagPreunProgram},
		{"postun", p.PostUninstallScript(), "postun.sh", tagPostunProgram},
	} {
		t.Run(c.name, func(t *testing.T) {
			if want := string(read(t, "../scriptlets/"+c.file)); c.got != want {
				t.Errorf("scriptlet %q, want %q", c.got, want)
			}
			if lines := strings.Count(c.got, "\n"); lines != 1 || !strings.Contains(c.got, "exec /usr/bin/podsec-k8s scriptlet "+c.name+` "$1"`) {
				t.Errorf("%q is not one line that runs the helper", c.got)
			}
			if program := p.Header.GetTag(c.program).String(); program != "/bin/sh" {
				t.Errorf("run by %q", program)
			}
		})
	}
	if p.PreInstallScript() != "" {
		t.Error("a scriptlet runs before the helper is on the disk")
	}
}

// checkRequires compares the package with the pins, which are the source of
// both.
func checkRequires(t *testing.T, p *rpm.Package, minor string) {
	pins, err := deps.Pins(minor)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/bin/sh", "post: /bin/sh", "post: shadow-utils", "post: systemd"}
	for _, pin := range pins {
		want = append(want, pin.Requires()...)
	}
	var got []string
	for _, d := range p.Requires() {
		got = append(got, requirement(d))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func requirement(d rpm.Dependency) string {
	text := d.Name()
	switch flags := d.Flags() &^ requiresPost; flags {
	case rpm.DepFlagAny:
	case rpm.DepFlagGreaterOrEqual:
		text += " >= " + d.Version()
	case rpm.DepFlagLesser:
		text += " < " + d.Version()
	default:
		text += fmt.Sprintf(" %#x %s", flags, d.Version())
	}
	if d.Release() != "" {
		text += "-" + d.Release()
	}
	if d.Flags()&requiresPost != 0 {
		text = "post: " + text
	}
	return text
}

func checkChangelog(t *testing.T, p *rpm.Package, log Changelog) {
	times := p.Header.GetTag(tagChangelogTime).Int64Slice()
	titles := p.Header.GetTag(tagChangelogTitle).StringSlice()
	texts := p.Header.GetTag(tagChangelogText).StringSlice()
	if len(times) != len(log.Releases) || len(titles) != len(times) || len(texts) != len(times) {
		t.Fatalf("%d times, %d titles and %d texts of %d releases", len(times), len(titles), len(texts), len(log.Releases))
	}
	for i, r := range log.Releases {
		if want := "- " + strings.Join(r.Notes, "\n- "); times[i] != r.Date.Unix() || !strings.HasSuffix(titles[i], " - "+r.Version) || texts[i] != want {
			t.Errorf("%d %q\n%s\nwant %s\n%s", times[i], titles[i], texts[i], r.Version, want)
		}
	}
}

// checkDigests has our own verification read the package.
func checkDigests(t *testing.T, path string) {
	report, err := deps.Verify(t.Context(), []deps.Pin{{Name: "podsec-k8s", From: "0"}}, filepath.Dir(path))
	if err != nil || report.Failed() != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	p, err := rpm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(read(t, "../units/share/crio.conf"))
	for _, f := range p.Files() {
		if f.Name() == "/usr/share/podsec-k8s/crio.conf" && f.Digest() != hex.EncodeToString(want[:]) {
			t.Errorf("crio.conf has the digest %s", f.Digest())
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	good := Request{Source: "..", Kubernetes: "1.26", Arch: "x86_64", Version: "1", Release: "alt1"}
	for _, c := range []struct {
		name, want string
		change     func(*Request)
	}{
		{"unknown minor", "not a Kubernetes version", func(r *Request) { r.Kubernetes = "1.27" }},
		{"unknown architecture", `"i586" is neither x86_64 nor aarch64`, func(r *Request) { r.Arch = "i586" }},
		{"version with a release", `version "1-2"`, func(r *Request) { r.Version = "1-2" }},
		{"version out of the folder", `version "../1"`, func(r *Request) { r.Version = "../1" }},
		{"empty release", `release ""`, func(r *Request) { r.Release = "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good
			r.Out = t.TempDir()
			c.change(&r)
			if path, err := Build(r); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, %v, want %q", path, err, c.want)
			}
		})
	}
}

// TestManPages reads packed pages back.
func TestManPages(t *testing.T) {
	from := t.TempDir()
	const page = ".TH PODSEC-K8S 8\n"
	if err := os.WriteFile(filepath.Join(from, "podsec-k8s.8"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := manPages(from, t.TempDir(), "/usr/share/man/man8")
	if err != nil || len(all) != 1 || all[0].Destination != "/usr/share/man/man8/podsec-k8s.8.xz" {
		t.Fatalf("%v, %v", all, err)
	}
	r, err := xz.NewReader(bytes.NewReader(read(t, all[0].Source)))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || got.String() != page {
		t.Errorf("%q, %v", got.String(), err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
