package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/cavaliergopher/rpm"
	"github.com/ulikunitz/xz"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// Tags that the library has no method for. Source: rpm's
// include/rpm/rpmtag.h.
const (
	tagFileModes     = 1030
	tagPostProgram   = 1086
	tagPreunProgram  = 1087
	tagPostunProgram = 1088
)

// maxHelper is how large the helper may be, in bytes: every unit runs it.
const maxHelper = 16_400_000

const tester = "Test Er <tester@altlinux.org>"

// testRequest asks for the package of this checkout for a minor.
func testRequest(t testing.TB, minor string) Request {
	t.Helper()
	log, err := readChangelog("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	return Request{
		Source: "..", Kubernetes: minor, Arch: "x86_64", Version: log.Releases[0].Version, Vendor: "vendor", Packager: tester,
		BuildHost: "localhost", Out: t.TempDir(), Changelog: log,
	}
}

// buildPackage makes the package of this checkout for a minor.
func buildPackage(t *testing.T, minor string) (path string, log Changelog) {
	t.Helper()
	r := testRequest(t, minor)
	path, err := Build(r)
	if err != nil {
		t.Fatal(err)
	}
	return path, r.Changelog
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
	t.Run("sisyphus_check", func(t *testing.T) { checkSisyphus(t, p, filepath.Base(path)) })
	t.Run("payload", func(t *testing.T) { checkPayload(t, p, read(t, path)) })
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
		p.Vendor(), p.Packager(), p.URL(),
	}, " ")
	version := log.Releases[0].Version
	want := "podsec-k8s-" + version + "-alt1.k1.26.x86_64 System/Configuration/Other Apache-2.0 cpio xz linux localhost true vendor " + tester + " " + homepage
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if want := "podsec-k8s-" + version + "-alt1.k1.26.x86_64.rpm"; name != want {
		t.Errorf("file %q, want %q", name, want)
	}
}

// checkFiles compares every entry: mode, flags and path, with the target of
// a link. c is a configuration file, n one that is not replaced, d a document.
func checkFiles(t *testing.T, p *rpm.Package, log Changelog) {
	docs := "/usr/share/doc/podsec-k8s-" + log.Releases[0].Version
	want := []string{
		"drwxr-xr-x - /etc/podsec-k8s",
		"drwxr-xr-x - /etc/podsec-k8s/crio.conf.d",
		"-rw-r--r-- cn /etc/podsec-k8s/node.conf",
		"-rw-r--r-- - /lib/modules-load.d/podsec-k8s.conf",
		"-rw-r--r-- - /lib/sysctl.d/90-podsec-k8s.conf",
		"-rw-r--r-- - /lib/systemd/system/podsec-k8s-backup.service",
		"-rw-r--r-- - /lib/systemd/system/podsec-k8s-backup.timer",
		"-rw-r--r-- - /lib/systemd/system/podsec-k8s-upgrade.service",
		"-rw-r--r-- - /lib/systemd/system/podsec-k8s-net.service",
		"-rw-r--r-- - /lib/systemd/system/podsec-k8s-net.socket",
		"-rwxr-xr-x - /usr/bin/podsec-k8s",
		"Lrwxrwxrwx - /usr/bin/podsec-k8s-create-master -> podsec-k8s",
		"drwxr-xr-x - /usr/libexec/podsec-k8s",
		"Lrwxrwxrwx - /usr/libexec/podsec-k8s/pasta-one-way -> ../../bin/podsec-k8s",
		"Lrwxrwxrwx - /usr/libexec/podsec-k8s/systemctl -> ../../bin/podsec-k8s",
		"Lrwxrwxrwx - /usr/libexec/podsec-k8s/crictl -> ../../bin/podsec-k8s",
		"-rw-r--r-- - /usr/share/bash-completion/completions/podsec-k8s",
		"Lrwxrwxrwx - /usr/share/bash-completion/completions/podsec-k8s-create-master -> podsec-k8s",
		"drwxr-xr-x - /usr/share/zsh",
		"drwxr-xr-x - /usr/share/zsh/site-functions",
		"-rw-r--r-- - /usr/share/zsh/site-functions/_podsec-k8s",
		"drwxr-xr-x - /usr/share/fish",
		"drwxr-xr-x - /usr/share/fish/vendor_completions.d",
		"-rw-r--r-- - /usr/share/fish/vendor_completions.d/podsec-k8s.fish",
		"Lrwxrwxrwx - /usr/share/fish/vendor_completions.d/podsec-k8s-create-master.fish -> podsec-k8s.fish",
		"drwxr-xr-x - " + docs,
		"-rw-r--r-- d " + docs + "/CHANGELOG.md",
		"-rw-r--r-- d " + docs + "/LICENSE",
		"-rw-r--r-- d " + docs + "/README.md",
		"drwxr-xr-x - /usr/share/podsec-k8s",
		"-rw-r--r-- - /usr/share/podsec-k8s/crio.conf",
		"drwxr-xr-x - /usr/share/podsec-k8s/audit",
		"-rw-r--r-- - /usr/share/podsec-k8s/audit/metadata.yaml",
		"-rw-r--r-- - /usr/share/podsec-k8s/audit/requests.yaml",
		"drwx------ - /var/lib/podsec-k8s",
	}
	want = append(want, each(t, "../units/user/*", "-", "/usr/lib/systemd/user/", "")...)
	want = append(want, startLinks(t)...)
	want = append(want, each(t, "../cmd/podsec-k8s/man/*.8", "d", "/usr/share/man/man8/", ".xz")...)
	want = append(want, each(t, "../cmd/podsec-k8s/man/ru/*.8", "d", "/usr/share/man/ru/man8/", ".xz")...)
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
		if !slices.Contains(got, "-rw-r--r-- d /usr/share/man/man8/"+page) {
			t.Errorf("the page %s is missing", page)
		}
	}
}

// each lists what the files of a pattern become.
func each(t *testing.T, pattern, flags, folder, suffix string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		all = append(all, "-rw-r--r-- "+flags+" "+folder+filepath.Base(name)+suffix)
	}
	return all
}

// startLinks lists the folders .wants and the links in them: one for each unit by
// which a user unit is stopped.
func startLinks(t *testing.T) (all []string) {
	t.Helper()
	starters := regexp.MustCompile(`(?m)^(?:PartOf|Requires)=(\S+)$`)
	files, err := filepath.Glob("../units/user/*")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]bool{}
	for _, file := range files {
		for _, match := range starters.FindAllStringSubmatch(string(read(t, file)), -1) {
			folder, unit := "/usr/lib/systemd/user/"+match[1]+".wants", filepath.Base(file)
			folders["drwxr-xr-x - "+folder] = true
			all = append(all, "Lrwxrwxrwx - "+folder+"/"+unit+" -> ../"+unit)
		}
	}
	for _, link := range []string{
		"u7s.target.wants/u7s-kubelet.service -> ../u7s-kubelet.service",
		"u7s-master.target.wants/u7s-etcd.service -> ../u7s-etcd.service",
		"u7s-rootlesskit.service.wants/u7s-kubelet.service -> ../u7s-kubelet.service",
	} {
		if !slices.Contains(all, "Lrwxrwxrwx - /usr/lib/systemd/user/"+link) {
			t.Errorf("nothing leads to the link %s", link)
		}
	}
	return slices.AppendSeq(all, maps.Keys(folders))
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
	want := []string{
		"post: /bin/sh (interpreter)", "postun: /bin/sh (interpreter)", "preun: /bin/sh (interpreter)",
		"preun: post: shadow-utils", "preun: post: systemd",
	}
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
	stages := Interpreter | Post | Preun | Postun
	switch flags := d.Flags() &^ int(stages); flags {
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
	for i, name := range []string{"post", "preun", "postun"} {
		if Stages(d.Flags())&(Post<<i) != 0 {
			text = name + ": " + text
		}
	}
	if Stages(d.Flags())&Interpreter != 0 {
		text += " (interpreter)"
	}
	return text
}

// TestUpperBoundsFirst: apt takes the right one of several minors at once
// when it meets the upper bound first.
func TestUpperBoundsFirst(t *testing.T) {
	p, err := Describe(testRequest(t, "1.26"))
	if err != nil {
		t.Fatal(err)
	}
	relations, err := p.relations()
	if err != nil {
		t.Fatal(err)
	}
	var kubelet []string
	for _, r := range relations {
		if r.Name == "kubernetes-kubelet" {
			kubelet = append(kubelet, r.Version)
		}
	}
	if want := []string{"1.27", "1.26.3"}; !slices.Equal(kubelet, want) {
		t.Errorf("got %q, want %q", kubelet, want)
	}
}

// TestNewerThanALTs has the versions that ALT gave its own podsec-k8s, the
// shell scripts that this package replaces, and our own ones, as a package
// manager orders them. Source: podsec.spec of alt-cloud/podsec; p10 has 1.1.10.
func TestNewerThanALTs(t *testing.T) {
	ours := testRequest(t, "1.26").Version
	order := []string{
		"0.1.0-alt1", "0.9.30-alt1", "1.0.10-alt2", "1.1.10-alt7", "1.1.20-alt2", "1.2.3-alt1", "1.3.0-alt1",
		ours + "-" + releaseOf("1.26"), ours + "-" + releaseOf("1.34"),
	}
	for i := range order[1:] {
		a, b := strings.Split(order[i], "-"), strings.Split(order[i+1], "-")
		if rpm.CompareVersions(a[0], b[0]) > 0 || a[0] == b[0] && rpm.CompareVersions(a[1], b[1]) >= 0 {
			t.Errorf("%s is not older than %s", order[i], order[i+1])
		}
	}
}

func checkChangelog(t *testing.T, p *rpm.Package, log Changelog) {
	times := p.Header.GetTag(tagChangelogTime).Int64Slice()
	titles := p.Header.GetTag(tagChangelogTitle).StringSlice()
	texts := p.Header.GetTag(tagChangelogText).StringSlice()
	if len(times) != len(log.Releases) || len(titles) != len(times) || len(texts) != len(times) {
		t.Fatalf("%d times, %d titles and %d texts of %d releases", len(times), len(titles), len(texts), len(log.Releases))
	}
	for i, r := range log.Releases {
		title := tester + " " + r.Version + "-alt1"
		if i == 0 {
			title += ".k1.26"
		}
		if want := "- " + strings.Join(r.Notes, "\n- "); times[i] != r.Date.Unix()+12*60*60 || titles[i] != title || texts[i] != want {
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

// checkPayload unpacks the package and compares names, types and sizes with
// its header. A name is relative, or cpio would write to the machine.
func checkPayload(t *testing.T, p *rpm.Package, file []byte) {
	_, start, err := starts(file)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := xz.NewReader(bytes.NewReader(file[start:]))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(packed)
	if err != nil || int64(len(plain)) != p.Signature.GetTag(sigPayloadSize).Int64() {
		t.Errorf("the payload has %d bytes, %v", len(plain), err)
	}
	if !bytes.Contains(plain[len(plain)-32:], []byte("TRAILER!!!")) {
		t.Error("the payload has no end")
	}
	var got []string
	for archive := cpio.NewReader(bytes.NewReader(plain)); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		size := header.Size + int64(len(header.Linkname))
		if header.Linkname == "" && size != int64(len(body)) {
			t.Errorf("%s has %d bytes, want %d", header.Name, len(body), size)
		}
		got = append(got, fmt.Sprintf("%s %o %s %d", header.Name, header.Mode, header.Linkname, size))
	}
	var want []string
	for _, f := range p.Files() {
		size := f.Size()
		if f.IsDir() {
			size = 0
		}
		want = append(want, fmt.Sprintf(".%s %o %s %d", f.Name(), p.Header.GetTag(tagFileModes).Int64Slice()[len(want)], f.Linkname(), size))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// checkSisyphus has the rules of ALT's sisyphus_check that a package by
// itself can be held to. Not among them are hasher's build host, a signature
// by ALT's keys, and lists of its own that name other packages' folders.
// Source: sisyphus_check.d of sisyphus_check 0.8, a number each.
func checkSisyphus(t *testing.T, p *rpm.Package, name string) {
	one := func(text string) []string { return []string{text} }
	var names, perms, relations []string
	for _, f := range p.Files() {
		names = append(names, f.Name())
		perms = append(perms, f.Mode().String()+" "+f.Name())
	}
	for _, d := range slices.Concat(p.Requires(), p.Provides(), p.Obsoletes(), p.Conflicts()) {
		relations = append(relations, d.Name()+" "+d.Version())
	}
	person := `^[^<]+<[^@>]+@altlinux\.(ru|org|net|com)>`
	for _, c := range []struct {
		rule      string
		all       []string
		form      string
		forbidden bool
	}{
		{"000 changelog's name", p.Header.GetTag(tagChangelogTitle).StringSlice(), person + ` [^ ]+-alt[0-9]`, false},
		{"000 changelog's text", p.Header.GetTag(tagChangelogText).StringSlice(), `[[:alnum:]]`, false},
		{"040 packager", one(p.Packager()), person + `$`, false},
		{"050 printable", one(p.Name() + p.Summary() + p.Description() + p.Packager()), `[^[:print:][:space:]]`, true},
		{"060 summary", one(p.Summary()), `[[:alpha:]]`, false},
		{"070 description", one(p.Description()), `[[:alpha:]]`, false},
		{"080 group", p.Groups(), `^System/Configuration/Other$`, false},
		{"090 name", one(p.Name()), `^[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9+])?$`, false},
		{"090 release", one(p.Release()), `^alt([1-9]|0.)`, false},
		{"090 file", one(name), `^` + regexp.QuoteMeta(p.String()) + `\.rpm$`, false},
		{"100 dependencies", relations, `[$%]`, true},
		{"100 requires", relations, `^(initscripts|fileutils|/etc/init\.d|/sbin/ldconfig|/sbin/install-info|kernel-(image|modules))`, true},
		{"110 content", names, `^(/etc/rpm|/etc/control\.d|/usr/share/locale)(/facilities)?$`, true},
		{"130 FHS", names, `^/(bin|boot|etc|lib|lib64|sbin|usr/(bin|etc|games|include|lib|lib64|libexec|sbin|share|src)|var/(cache|games|lib|lock|log|run|spool|www|yp))/`, false},
		{"140 set-id", perms, `^[ugt]`, true},
		{"140 writable", perms, `^[^L]....(w|...w)\S* /usr/`, true},
		{"140 world writable", perms, `^d......rwx`, true},
		{"150 folders of the filesystem", names, `^/(etc|lib|usr|var)(/(bin|lib|libexec|share|systemd|doc|man|man8|ru))*$`, true},
		{"230 bindir", names, `^/(bin|sbin|usr/bin|usr/sbin)/.*/`, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if len(c.all) == 0 {
				t.Error("there is nothing to look at")
			}
			for _, text := range c.all {
				if regexp.MustCompile(c.form).MatchString(text) == c.forbidden {
					t.Errorf("%q", text)
				}
			}
		})
	}
}

// TestFoldersAreOwned: of a folder that is the package's, all folders below
// are. Source: ALT's sisyphus_check, 170-check-subdirs.
func TestFoldersAreOwned(t *testing.T) {
	all, err := contents("..", "/usr/share/doc/podsec-k8s-1")
	if err != nil {
		t.Fatal(err)
	}
	owned := make(map[string]bool)
	for _, e := range all {
		owned[e.Path] = true
	}
	for _, e := range all {
		below := false
		for dir := filepath.Dir(e.Path); dir != "/"; dir = filepath.Dir(dir) {
			if below = below || !owned[dir]; below && owned[dir] {
				t.Errorf("%s is in a folder that is not the package's, below %s", e.Path, dir)
			}
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	good := testRequest(t, "1.26")
	for _, c := range []struct {
		name, want string
		change     func(*Request)
	}{
		{"unknown minor", "does not know that Kubernetes version", func(r *Request) { r.Kubernetes = "1.28" }},
		{"unknown package", `there is no package "x"`, func(r *Request) { r.Package = "x" }},
		{"unknown architecture", `"i586" is neither x86_64 nor aarch64`, func(r *Request) { r.Arch = "i586" }},
		{"version with a release", `version "1-2"`, func(r *Request) { r.Version = "1-2" }},
		{"version out of the folder", `version "../1"`, func(r *Request) { r.Version = "../1" }},
		{"release with a macro", `release "%x"`, func(r *Request) { r.Release = "%x" }},
		{"packager without an address", `packager "Ivan Ivanov" is not`, func(r *Request) { r.Packager = "Ivan Ivanov" }},
		{"packager of two lines", "is not of the form", func(r *Request) { r.Packager = "Ivan\nIvanov <ivan@altlinux.org>" }},
		{"build host of words", `build host "my host"`, func(r *Request) { r.BuildHost = "my host" }},
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

// TestManPages reads a packed page back.
func TestManPages(t *testing.T) {
	const page = ".TH PODSEC-K8S 8\n"
	packed, err := compress([]byte(page))
	if err != nil {
		t.Fatal(err)
	}
	r, err := xz.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || got.String() != page {
		t.Errorf("%q, %v", got.String(), err)
	}
}

// TestSpecFile: the spec in the checkout is the one that is made from the
// package's lists.
func TestSpecFile(t *testing.T) {
	for _, name := range []string{helper, policyPackage} {
		r := testRequest(t, "1.26")
		r.Package, r.Packager = name, defaultPackager
		p, err := Describe(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(read(t, "../"+specFile(name))); got != p.spec() {
			t.Errorf("%s is old: make spec", specFile(name))
		}
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
